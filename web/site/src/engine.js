// The engine as a WebAssembly module: its memory, and calls of bifsmn.h.
//
//   const engine = await Engine.compile(await fetch("bifsmn.wasm"));
//
// The same file runs in a page, in a worker and in Node.

const UTF8 = new TextDecoder();
const NO_SUCH_CALL = 52; // WASI's ENOSYS

export class Engine {
  // Takes a Response or the bytes of bifsmn.wasm. `environment` is what getenv
  // gives the library, such as {BIFSMN_KERNELS: "bgemm_portable_4x4_u16"}.
  static async compile(source, environment = {}) {
    const bytes = source instanceof Response ? await source.arrayBuffer() : source;
    const module = await WebAssembly.compile(bytes);
    return new Engine(module, environment);
  }

  constructor(module, environment = {}) {
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}\0`);
    const known = this.#system(variables.map((text) => new TextEncoder().encode(text)));
    // The library opens no file, prints nothing and asks for no time: whatever
    // else its C library mentions is not there.
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {};
      imports[from][name] = known[name] ?? (() => NO_SUCH_CALL);
    }
    this.exports = new WebAssembly.Instance(module, imports).exports;
    this.exports._initialize?.();
  }

  #system(variables) {
    return {
      environ_sizes_get: (count, bytes) => {
        const view = this.view();
        view.setUint32(count, variables.length, true);
        view.setUint32(bytes, variables.reduce((sum, text) => sum + text.length, 0), true);
        return 0;
      },
      environ_get: (pointers, texts) => {
        for (const text of variables) {
          this.view().setUint32(pointers, texts, true);
          this.bytes(texts, text.length).set(text);
          pointers += 4;
          texts += text.length;
        }
        return 0;
      },
      proc_exit: () => {
        throw new Error("the engine ended: reload the page");
      },
      // Views are made anew at every use.
      emscripten_notify_memory_growth: () => {},
    };
  }

  // Views of memory are void once it grows.
  view() {
    return new DataView(this.exports.memory.buffer);
  }

  bytes(address, count) {
    return new Uint8Array(this.exports.memory.buffer, address, count);
  }

  floats(address, count) {
    return new Float32Array(this.exports.memory.buffer, address, count);
  }

  text(address) {
    if (address === 0) return null;
    const rest = new Uint8Array(this.exports.memory.buffer, address);
    return UTF8.decode(rest.subarray(0, rest.indexOf(0)));
  }

  allocate(bytes) {
    const address = this.exports.malloc(bytes);
    if (address === 0) throw new Error("out of memory");
    return address;
  }

  free(address) {
    this.exports.free(address);
  }
}
