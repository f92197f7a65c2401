"""What a type checker makes of the package: `mypy --strict` must accept this file."""

from __future__ import annotations

from typing import Any, Union

import numpy as np
from typing_extensions import assert_type

import vitlrp

model = vitlrp.Model()
assert_type(model.explain("a.jpg"), vitlrp.Explanation)
assert_type(model.explain("a.jpg", 3, method="rise", samples=100), vitlrp.Explanation)
assert_type(model.explain("a.jpg", [1, 2]), list[vitlrp.Explanation])
assert_type(model.explain("a.jpg", "top:3"), Any)  # or a label
assert_type(model.explain_batch(np.zeros((2, 3, 64, 64)), keep_photo=False), list[Any])
assert_type(vitlrp.Model.from_torch(object(), labels=["a", "b"]), vitlrp.Model)
clip = model.with_texts(["a", "b"], contrast="", journal="rows.journal")
assert_type(clip.cosines("a.jpg").empty, Union[float, None])
assert_type(clip.explain("a.jpg", versus="others"), vitlrp.Explanation)
assert_type(model.with_token_ids([[1, 2]], ["a"]), vitlrp.Model)
assert_type(model.neurons("a.jpg", 3, site="head").blocks[0].units[0].drop, Union[float, None])
assert_type(model.edited({"4:fc1:3": 0, "4:fc1:4": "mean"}, concepts=["units"]), vitlrp.Model)
assert_type(model.explain_edited("a.jpg", {"4:fc1:3": 0}).before, vitlrp.Explanation)
assert_type(vitlrp.Concepts("units")["4:fc1:3"].relevant[0], vitlrp.Reference)
assert_type(model.concepts("val", "units", site="head", gamma_fc1=0.1), vitlrp.Concepts)
assert_type(model.attention("a.jpg"), vitlrp.Attention)
assert_type(model.tune("photos").gain, vitlrp.Statistic)
model.explain("a.jpg", smaples=100)  # type: ignore[call-overload]
