"""Training examples of a small model: rows packed as text, varied anew in every epoch, encoded by many processes."""
