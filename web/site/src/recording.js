// A file of sound, as mono samples at a model's rate.

// The browser decodes what it plays. Throws an Error that names the file.
export async function readRecording(file, rate) {
  const context = new OfflineAudioContext(1, 1, rate);
  let sound;
  try {
    sound = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(`${file.name}: no recording that this browser can decode`);
  }
  const mix = new Float32Array(sound.length);
  for (let c = 0; c < sound.numberOfChannels; ++c) {
    const channel = sound.getChannelData(c);
    for (let i = 0; i < mix.length; ++i) mix[i] += channel[i] / sound.numberOfChannels;
  }
  if (mix.length === 0) throw new Error(`${file.name}: there is no sound in it`);
  return mix;
}
