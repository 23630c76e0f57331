"""Builds the ONNX graph of all-MiniLM-L6-v2 from its safetensors file, without torch.

The graph is the BERT encoder in onnxruntime's own fused operators, then the pooling that
sentence-transformers applies. Pooling is the masked *sum*: its direction is the mean's, and only
the direction survives the L2 normalisation that follows.

A row of tokens may hold several texts one behind the other, so that short ones need no padding.
Inputs: `input_ids` and `positions` (each token's place in its own text), int32 (rows, tokens);
`attention_bias` (rows, 1, tokens, tokens), 0 where a token may look at another, else very negative;
`pooling` (rows, texts, tokens), 1 where a token belongs to a text. The last two are float32.
Output: `sentence_embedding` (rows, texts, 384), unit length.

Source of the architecture: the model's own config.json (6 layers, 12 heads, exact-erf GELU).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Part of the cache key: raise it whenever the graph below changes.
GRAPH_VERSION = 3

LAYERS = 6
HEADS = 12
HIDDEN = 384
LAYER_NORM_EPSILON = 1e-12
# Microsoft's fused operators live in their own operator domain; onnxruntime always ships them.
FUSED = "com.microsoft"


@dataclass(slots=True)
class _Graph:
    """Nodes and weights collected while the graph is written down in execution order."""

    weights: Mapping[str, NDArray[np.float32]]
    nodes: list[Any]
    initializers: list[Any]

    def weight(self, name: str, value: NDArray[Any] | None = None) -> str:
        from onnx import numpy_helper  # noqa: PLC0415 - only an export needs onnx

        array = self.weights[name] if value is None else value
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(
        self,
        operator: str,
        inputs: list[str],
        outputs: list[str],
        domain: str = "",
        **attributes: Any,  # noqa: ANN401 - whatever the operator has
    ) -> str:
        from onnx import helper  # noqa: PLC0415 - only an export needs onnx

        self.nodes.append(helper.make_node(operator, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def dense(self, prefix: str, source: str) -> str:
        """Multiply by a torch Linear's weight, stored (out, in); its bias is left to a fused operator."""
        kernel = self.weight(f"{prefix}.kernel", self.weights[f"{prefix}.weight"].T)
        return self.node("MatMul", [source, kernel], [f"{prefix}.product"])

    def skip_layer_norm(self, dense: str, norm: str, source: str, skip: str, output: str) -> str:
        """Residual connection, the dense layer's bias and layer normalisation in one pass."""
        inputs = [source, skip, self.weight(f"{norm}.weight"), self.weight(f"{norm}.bias")]
        inputs.append(self.weight(f"{dense}.bias"))
        return self.node("SkipLayerNormalization", inputs, [output], FUSED, epsilon=LAYER_NORM_EPSILON)


def _embeddings(graph: _Graph) -> str:
    weights = graph.weights
    # One sentence is always segment 0, so its segment vector is folded into the positions.
    places = (
        weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    inputs = [
        "input_ids",
        "",
        graph.weight("embeddings.word_embeddings.weight"),
        graph.weight("embeddings.places", places),
        "",
        graph.weight("embeddings.LayerNorm.weight"),
        graph.weight("embeddings.LayerNorm.bias"),
        "",
        "positions",
    ]
    outputs = ["embeddings.output", "embeddings.mask_index"]
    return graph.node("EmbedLayerNormalization", inputs, outputs, FUSED, epsilon=LAYER_NORM_EPSILON)


def _layer(graph: _Graph, index: int, hidden: str) -> str:
    layer = f"encoder.layer.{index}"
    attention = f"{layer}.attention"
    parts = [f"{attention}.self.{part}" for part in ("query", "key", "value")]
    # Three whole products and then the heads: one fused `Attention` multiplies head by head, a fifth slower.
    bias = graph.weight(
        f"{attention}.qkv.bias", np.concatenate([graph.weights[f"{part}.bias"] for part in parts])
    )
    context = graph.node(
        "MultiHeadAttention",
        [*(graph.dense(part, hidden) for part in parts), bias, "", "attention_bias"],
        [f"{attention}.context"],
        FUSED,
        num_heads=HEADS,
    )
    projected = graph.dense(f"{attention}.output.dense", context)
    attended = graph.skip_layer_norm(
        f"{attention}.output.dense", f"{attention}.output.LayerNorm", projected, hidden, f"{attention}.normed"
    )
    widened = graph.dense(f"{layer}.intermediate.dense", attended)
    # BiasGelu is the exact erf form; FastGelu would be the tanh approximation.
    activated = graph.node(
        "BiasGelu", [widened, graph.weight(f"{layer}.intermediate.dense.bias")], [f"{layer}.activated"], FUSED
    )
    narrowed = graph.dense(f"{layer}.output.dense", activated)
    return graph.skip_layer_norm(
        f"{layer}.output.dense", f"{layer}.output.LayerNorm", narrowed, attended, f"{layer}.normed"
    )


def _pooling(graph: _Graph, hidden: str) -> None:
    summed = graph.node("MatMul", ["pooling", hidden], ["pooling.sum"])
    graph.node("LpNormalization", [summed], ["sentence_embedding"], axis=-1, p=2)


def build_model(weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Serialise the ONNX model for these safetensors weights (names as the upstream file has them)."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - only an export needs onnx

    graph = _Graph(weights, [], [])
    hidden = _embeddings(graph)
    for index in range(LAYERS):
        hidden = _layer(graph, index, hidden)
    _pooling(graph, hidden)
    rows, texts, tokens = "rows", "texts", "tokens"
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "all-MiniLM-L6-v2",
            [
                helper.make_tensor_value_info("input_ids", TensorProto.INT32, [rows, tokens]),
                helper.make_tensor_value_info("positions", TensorProto.INT32, [rows, tokens]),
                helper.make_tensor_value_info("attention_bias", TensorProto.FLOAT, [rows, 1, tokens, tokens]),
                helper.make_tensor_value_info("pooling", TensorProto.FLOAT, [rows, texts, tokens]),
            ],
            [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, [rows, texts, HIDDEN])],
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)],
        ir_version=9,
        producer_name="copilot",
    )
    return bytes(model.SerializeToString())


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the encoder's tensors; the pooler is left out because sentence embeddings never use it."""
    from safetensors import safe_open  # noqa: PLC0415 - only an export needs safetensors

    with safe_open(path, framework="numpy") as tensors:
        names = [name for name in tensors.keys() if name.startswith(("embeddings.", "encoder."))]  # noqa: SIM118
        return {name: tensors.get_tensor(name) for name in names if name != "embeddings.position_ids"}
