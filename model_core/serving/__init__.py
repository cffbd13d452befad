"""An OpenAI-compatible server on the engine: `wire` reads requests, `service` answers them, `app` speaks HTTP."""
