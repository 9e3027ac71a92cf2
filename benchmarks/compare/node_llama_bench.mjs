// The llama.cpp inside the npm package node-llama-cpp, measured with llama-bench's options and fields: a peer for `compare`, since that package brings libraries only.
//   npm install node-llama-cpp && NODE_MODULES=$PWD/node_modules node benchmarks/compare/node_llama_bench.mjs -m MODEL.gguf -p 512 -n 0 -d 0 -t 2 -r 1 -o json
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";

const options = { p: 512, n: 0, d: 0, t: 2, r: 1, o: "json" };
for (let i = 2; i + 1 < process.argv.length; i += 2) {
  options[process.argv[i].replace(/^-+/, "")] = process.argv[i + 1];
}

const [prompt, generate, depth, threads, rounds] = [options.p, options.n, options.d, options.t, options.r].map(Number);
const modules = createRequire(path.join(process.env.NODE_MODULES ?? path.resolve("node_modules"), "_"));
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(modules.resolve("node-llama-cpp")).href);

const llama = await getLlama({ gpu: false, build: "never", maxThreads: threads, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: options.m });
const context = await model.createContext({ contextSize: depth + prompt + generate + 16, batchSize: Math.max(512, Math.min(2048, prompt)), threads });
const sequence = context.getSequence();
const tokens = (count) => Array.from({ length: count }, (_, i) => 100 + ((i * 7919) % 20000));

// One more token than asked for: the first comes with the prompt's logits, the others are a step of one token each.
async function decode(count) {
  let begun = 0;
  let seen = 0;
  for await (const _ of sequence.evaluate(tokens(1), { temperature: 0, yieldEogToken: true })) {
    if (seen++ === 0) {
      begun = performance.now();
    }
    if (seen > count) {
      break;
    }
  }
  return performance.now() - begun;
}

// A first run that is not counted, as llama-bench does.
await (generate > 0 ? decode(1) : sequence.evaluateWithoutGeneratingNewTokens(tokens(prompt)));
const samples = [];
for (let round = 0; round < rounds; round++) {
  await sequence.clearHistory();
  if (depth > 0) {
    await sequence.evaluateWithoutGeneratingNewTokens(tokens(depth));
  }
  if (generate > 0) {
    samples.push((generate * 1000) / await decode(generate));
  } else {
    const begun = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens(prompt));
    samples.push((prompt * 1000) / (performance.now() - begun));
  }
}

const mean = samples.reduce((a, b) => a + b, 0) / samples.length;
const deviation = Math.sqrt(samples.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, samples.length - 1));
console.log(JSON.stringify([{ n_prompt: prompt, n_gen: generate, n_depth: depth, n_threads: threads, avg_ts: mean, stddev_ts: deviation, samples_ts: samples }]));
process.exit(0);
