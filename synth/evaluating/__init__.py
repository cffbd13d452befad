"""How well a policy does on the worlds it was not trained on: whole episodes under the judge, and single calls."""
