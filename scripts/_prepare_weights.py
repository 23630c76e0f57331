"""Make at install time what the first start would otherwise wait for. Prints `i/n what` before each."""

from copilot.adapters.minilm import export_model
from copilot.adapters.model_files import default_cache_dir
from copilot.adapters.tiktoken_counter import CACHE_NAMES, prepare_vocabulary

folder = default_cache_dir()
total = 1 + len(CACHE_NAMES)
print(f"1/{total} exporting all-MiniLM-L6-v2", flush=True)
export_model(folder)
for number, encoding in enumerate(CACHE_NAMES, start=2):
    print(f"{number}/{total} unpacking the vocabulary {encoding}", flush=True)
    prepare_vocabulary(encoding, folder)
