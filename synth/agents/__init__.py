"""What an assistant is made of: a shelf of worlds and tools, a tool set, a prompt, and how its tools are shown."""
