// Recordings of 16 bits are read here: browsers do not scale all of them by
// 2^15, as everything else that hears them does.

const PCM = 1;

function tag(view, at) {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}

// The samples of a mono .wav of 16 bits and that rate; null for any other file.
export function readWav(buffer, rate) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 12 || tag(view, 0) !== "RIFF" || tag(view, 8) !== "WAVE") return null;
  let fits = false;
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const [name, bytes] = [tag(view, at), view.getUint32(at + 4, true)];
    at += 8;
    if (name === "fmt " && at + 16 <= buffer.byteLength) {
      const [format, channels] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
      const [found, bits] = [view.getUint32(at + 4, true), view.getUint16(at + 14, true)];
      fits = format === PCM && channels === 1 && found === rate && bits === 16;
    } else if (name === "data") {
      if (!fits) return null;
      const count = Math.floor(Math.min(bytes, buffer.byteLength - at) / 2);
      return Float32Array.from({ length: count }, (_, i) => view.getInt16(at + 2 * i, true) / 32768);
    }
    at += bytes + (bytes % 2);
  }
  return null;
}
