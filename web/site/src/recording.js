// A file of sound, as mono samples at a model's rate.

import { readWav } from "./wav.js";

// What is no .wav of just these samples, the browser decodes.
async function decode(buffer, name, rate) {
  const context = new OfflineAudioContext(1, 1, rate);
  let sound;
  try {
    sound = await context.decodeAudioData(buffer);
  } catch {
    throw new Error(`${name}: no recording that this browser can decode`);
  }
  const mix = new Float32Array(sound.length);
  for (let c = 0; c < sound.numberOfChannels; ++c) {
    const channel = sound.getChannelData(c);
    for (let i = 0; i < mix.length; ++i) mix[i] += channel[i] / sound.numberOfChannels;
  }
  return mix;
}

// Throws an Error that names the file.
export async function readRecording(file, rate) {
  const buffer = await file.arrayBuffer();
  const samples = readWav(buffer, rate) ?? (await decode(buffer, file.name, rate));
  if (samples.length === 0) throw new Error(`${file.name}: there is no sound in it`);
  return samples;
}
