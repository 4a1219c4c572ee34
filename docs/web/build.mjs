// Make build/web/xnet.html and explorer.html, each of which needs no other file: `make web`.
import { build } from "esbuild";
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const out = join(root, "build", "web");
const modules = join(here, "node_modules");
const EXAMPLES = ["hand-03", "knee-01", "foot-02", "pelvis-01", "head-05", "thorax-01"];

/** What is made of other files when the page is built. */
const inlined = {
  name: "inlined",
  setup(tools) {
    tools.onResolve({ filter: /^(packed|palette|examples|explorer):/ }, ({ path }) => ({ path, namespace: "inlined" }));
    tools.onResolve({ filter: /\.wasm$|codec-openjpeg\/decodewasm$/ }, ({ path }) =>
      path.startsWith("packed:") ? null : { path: createRequire(import.meta.url).resolve(path), namespace: "file" },
    );
    tools.onLoad({ filter: /^packed:/, namespace: "inlined" }, ({ path }) => {
      const name = path.replace("packed:", "");
      const file = name === "xnet.onnx" ? join(out, name) : join(modules, name.replace("onnxruntime-web/", "onnxruntime-web/dist/"));
      return { contents: gzipSync(readFileSync(file), { level: 9 }), loader: "binary" };
    });
    tools.onLoad({ filter: /^palette:/, namespace: "inlined" }, () => ({ contents: readFileSync(join(out, "classes.json"), "utf8"), loader: "json" }));
    tools.onLoad({ filter: /^explorer:/, namespace: "inlined" }, () => ({ contents: readFileSync(join(out, "explorer.json"), "utf8"), loader: "json" }));
    tools.onLoad({ filter: /^examples:/, namespace: "inlined" }, () => ({
      resolveDir: join(root, "data", "images"),
      contents:
        EXAMPLES.map((name, k) => `import e${k} from "./${name}.png";`).join("\n") +
        `export default [${EXAMPLES.map((name, k) => `{name: "${name}.png", png: e${k}, alt: "Simulated radiograph: ${name.slice(0, -3)}"}`)}];`,
      loader: "js",
    }));
  },
};

const style = readFileSync(join(here, "src", "page.css"), "utf8");
for (const [name, entry] of [["xnet", "page"], ["explorer", "explorer"]]) {
  const { outputFiles } = await build({
    entryPoints: [join(here, "src", `${entry}.js`)],
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    platform: "browser",
    loader: { ".png": "binary", ".wasm": "binary" },
    external: ["fs", "path", "crypto", "module", "worker_threads"],
    logOverride: { "empty-import-meta": "silent" },
    plugins: [inlined],
    write: false,
  });
  const script = outputFiles[0].text.replaceAll("</script", "<\\/script");
  const html = readFileSync(join(here, "src", `${name}.html`), "utf8");
  const page = html.replace("/*STYLE*/", () => style).replace("/*SCRIPT*/", () => script);
  writeFileSync(join(out, `${name}.html`), page);
  console.log(`build/web/${name}.html: ${(page.length / 1e6).toFixed(1)} MB`);
}
