"""The same over streamable HTTP: answers to calls break in the way the argument names. Prints its port."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODE = sys.argv[1]
ELSEWHERE = sys.argv[2] if len(sys.argv) > 2 else ""
TOOL = {"name": "echo", "inputSchema": {"type": "object", "properties": {}}}
SEEN = {"calls": 0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def body(self, text, kind="application/json", status=200, **headers):
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def stream(self, kind):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()

    def do_GET(self):
        self.body("", status=405)

    def do_DELETE(self):
        self.body("", status=200)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method = request.get("method")
        if MODE == "wants_a_token" and self.headers.get("authorization") != "Bearer right":
            self.body('{"error": "no"}', status=401)
            return
        if method == "initialize":
            version = request["params"]["protocolVersion"]
            result = {
                "protocolVersion": version,
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "h", "version": "1"},
            }
            self.body(self.answer(request, result), mcp_session_id="s1")
        elif method == "tools/list":
            self.body(self.answer(request, {"tools": [TOOL]}))
        elif method == "tools/call":
            SEEN["calls"] += 1
            self.called(request)
        else:
            self.body("", status=202)

    def answer(self, request, result):
        return json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result})

    def called(self, request):
        fine = self.answer(request, {"content": [{"type": "text", "text": "fine"}]})
        if MODE == "status_500":
            self.body("oh no", "text/plain", status=500)
        elif MODE == "web_page":
            self.body("<html>please sign in</html>", "text/html")
        elif MODE == "redirects":
            self.body("", status=307, location=ELSEWHERE)
        elif MODE == "redirects_in_a_circle":
            self.body("", status=307, location=self.path)
        elif MODE == "forgets_the_session" and SEEN["calls"] == 1:
            self.body('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"session not found"}}', status=404)
        elif MODE == "hangs":
            time.sleep(600)
        elif MODE == "slow_drip":
            self.stream("application/json")
            while True:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        elif MODE == "endless_events":
            self.stream("text/event-stream")
            note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x" * 200}}
            while True:
                self.wfile.write(b"event: message\ndata: " + json.dumps(note).encode() + b"\n\n")
        elif MODE == "endless_body":
            self.stream("application/json")
            while True:
                self.wfile.write(b"x" * 65536)
        elif MODE == "half_a_body":
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "5000")
            self.end_headers()
            self.wfile.write(b'{"jsonrpc": "2.0"')
            self.wfile.flush()
            self.close_connection = True
        elif MODE == "broken_event":
            self.stream("text/event-stream")
            self.wfile.write(b"event: message\ndata: {not json\n\n")
        elif MODE == "closed_stream":
            self.stream("text/event-stream")
        elif MODE == "echoes_headers":
            self.body(self.answer(request, {"content": [{"type": "text", "text": self.headers["authorization"]}]}))
        else:
            self.body(fine)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()
