"""llama.cpp's own C++ HTTP server (xllamacpp wheel). Prints `READY http://127.0.0.1:PORT`; ends on SIGTERM, or on stdin EOF unless --stay."""
import argparse, os, signal, sys, threading
import xllamacpp as xlc
a = argparse.ArgumentParser()
a.add_argument("--model", required=True); a.add_argument("--port", type=int, default=0)      # 0: the OS picks
a.add_argument("--alias", default="smollm2-135m-instruct"); a.add_argument("--api-key", action="append", default=[])
a.add_argument("--ping", type=int, default=30)       # seconds between SSE ":" keep-alive comments
a.add_argument("--threads", type=int, default=1)     # 1: five times faster than 2 when cargo has the cores busy
a.add_argument("--parallel", type=int, default=2)    # slots; n=2 needs at least 2
a.add_argument("--ctx", type=int, default=2048); a.add_argument("--no-tools-template", action="store_true"); a.add_argument("--stay", action="store_true")
a = a.parse_args()
p = xlc.CommonParams()
p.model.path, p.model_alias, p.hostnames, p.port = a.model, {a.alias}, ["127.0.0.1"], a.port
p.n_ctx, p.n_parallel, p.n_threads_http = a.ctx * a.parallel, a.parallel, 4
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = a.threads
p.api_keys, p.sse_ping_interval = a.api_key, a.ping
p.sampling.temp = 0.0                                # requests that name no temperature get the likeliest text, every time
p.embedding, p.pooling_type = True, xlc.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN           # chat still works with this on
p.offline, p.ui, p.fit_params, p.cache_ram_mib = True, False, False, 0
if not a.no_tools_template: p.chat_template = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools.jinja")).read()
s = xlc.Server(p)
print("READY", s.listening_address, flush=True)
def end(*_): os._exit(0)
signal.signal(signal.SIGTERM, end); signal.signal(signal.SIGINT, end)
if a.stay: threading.Event().wait()
while sys.stdin.buffer.read(4096): pass
end()
