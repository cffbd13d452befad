"""Names every variable of its environment in a tool's description."""

import os

from wire import serve, tool

serve(lambda params: {"tools": [tool("environment", description=" ".join(sorted(os.environ)))]})
