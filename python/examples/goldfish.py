"""The picture of the project's README, cell by cell.

A script for `python3 goldfish.py`, and a notebook for editors that know `# %%` (or by jupytext).
Run it in this folder, as its photograph is found from here.
"""

# %% A model: the small one that is built in, or the path of any published ViT checkpoint
import numpy as np

import vitlrp

model = vitlrp.Model()
print(model)

# %% One explanation: the map, what it explains, and what the model thinks
photo = "../../data/goldfish.jpg"
explained = model.explain(photo)
for entry in explained.top:
    print(f"{entry.probability:6.1%}  {entry.label}")
print(explained)
print(np.round(explained.heatmap, 2))

# %% The picture: red speaks for "goldfish", blue against it
explained.save("goldfish.panel.jpg", style="panel")
explained  # in a notebook, the last value of a cell is drawn

# %% Where the rest of the logit went: biases, norms, softmax, position embedding
absorbed = {}
for block, kind, amount in explained.ledger:
    absorbed[kind] = absorbed.get(kind, 0.0) + amount
for kind, amount in absorbed.items():
    print(f"{kind:>10} {amount:+.3f}")
total = explained.relevance_sum + sum(absorbed.values())
print(f"map {explained.relevance_sum:.3f} + absorbed = {total:.3f} = logit {explained.logit:.3f}")

# %% What speaks for a goldfish and against an orange
contrast = model.explain(photo, "goldfish", versus="orange", level="pixel")
print(contrast, f"logit difference {contrast.explained:.2f}")
contrast.save("goldfish.versus.png", cmap="coldnhot")
