// Zips dist/chrome and dist/firefox for the stores. The same sources give the same bytes: files in order, no dates.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { crc32, deflateRawSync } from "node:zlib";

const root = fileURLToPath(new URL("../", import.meta.url));
const outdir = `${root}../build/extension`;
const DOS_EPOCH = 0x0021_0000; // 1 January 1980, midnight: zip knows no "no date"
const UTF8_NAMES = 0x0800;

/** The entries of a zip's two parts: what stands before each file, and in the directory at the end. */
function entry(name, content, offset) {
  const packed = deflateRawSync(content, { level: 9 });
  const path = Buffer.from(name);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(UTF8_NAMES, 2);
  common.writeUInt16LE(8, 4);
  common.writeUInt32LE(DOS_EPOCH, 6);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(path.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, path, packed]);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(offset, 10);
  const central = Buffer.concat([Buffer.from("PK\x01\x02"), Buffer.from([20, 0]), common, rest, path]);
  return { local, central };
}

function zip(files) {
  let offset = 0;
  const entries = files.map(([name, content]) => {
    const made = entry(name, content, offset);
    offset += made.local.length;
    return made;
  });
  const directory = Buffer.concat(entries.map((each) => each.central));
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...entries.map((each) => each.local), directory, end]);
}

async function filesOf(folder) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = found.filter((each) => each.isFile()).map((each) => `${each.parentPath ?? each.path}/${each.name}`.slice(folder.length + 1));
  return Promise.all(names.sort().map(async (name) => [name, await readFile(`${folder}/${name}`)]));
}

const { version } = JSON.parse(await readFile(`${root}package.json`, "utf8"));
await mkdir(outdir, { recursive: true });
for (const browser of ["chrome", "firefox"]) {
  const packed = zip(await filesOf(`${root}dist/${browser}`));
  const name = `copilot-${version}-${browser}.zip`;
  await writeFile(`${outdir}/${name}`, packed);
  const digest = createHash("sha256").update(packed).digest("hex");
  console.log(`build/extension/${name}  ${(packed.length / 1024).toFixed(1)} KB  sha256 ${digest}`);
}
