// decide.mjs SITE MODEL [DELTA [KERNELS]] < floats: the page's engine in Node.
//
// Reads float32 samples and writes a line of JSON a decision, then one of the
// detections.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [site, model, delta, kernels] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${site}/src/${name}.js`));
const { Engine } = await load("engine");
const { Spotter } = await load("spotter");

const environment = kernels ? { BIFSMN_KERNELS: kernels } : {};
const engine = await Engine.compile(readFileSync(`${site}/bifsmn.wasm`), environment);
let spotter;
try {
  spotter = new Spotter(engine, readFileSync(model));
  if (delta) spotter.setDelta(Number(delta));
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
spotter.reset();
const bytes = readFileSync(0);
const samples = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const began = performance.now();
const pushed = spotter.push(samples);
const seconds = samples.length / spotter.sampleRate;
const microseconds = (1000 * (performance.now() - began)) / seconds;
const flushed = spotter.flush();
for (const decision of [...pushed.decisions, ...flushed.decisions]) {
  const { time, delta, logits, probabilities } = decision;
  console.log(JSON.stringify({ time, delta, logits: [...logits], probabilities: [...probabilities] }));
}
console.log(JSON.stringify([...pushed.detections, ...flushed.detections]));
console.error(`${microseconds.toFixed(0)} us a second of sound`);
