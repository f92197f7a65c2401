"""The way from a model input to its hidden units."""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _capi, _check
from . import image as _image
from . import method as _method
from ._explain import Explaining, Request, Wanted, check_contrast, warn_of_precision
from ._library import call, lib, new_record, words
from ._part import Part
from ._watching import Progress, Watch
from .errors import UsageError
from .explanation import Class
from .neurons import Attention, Block, Neurons, Unit

if TYPE_CHECKING:
    from ._info import ModelInfo
    from ._options import ClassLike

_GRADIENT = "input-x-gradient"
_ATTENTION = "raw-attention"
_BRANCH = {"fc1": "mlp", "head": "attention", "stream": "mlp"}


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is shown of the units."""

    site: str
    top: int
    blocks: tuple[int, ...]
    maps: bool
    drops: bool


class Looking(Explaining):
    """Explaining, with a look at units."""

    def look(
        self, classes: tuple[Class, ...], wanted: Wanted, choice: Choice, options: _capi.SessionOptions
    ) -> Neurons:
        """Of a model with these classes."""
        self._hidden = wanted.hidden
        self._forward(classes, 1)
        target = wanted.listed[0] if wanted.listed else self._ranked[0]
        check_contrast(target, wanted.versus)
        targets = self._targets(target, wanted.versus)
        values, inside = self._values(choice, targets, self._options, True)
        gradients, _ = self._values(choice, targets, _method.method_options(_method.describe(_GRADIENT), {}), False)
        explained = sum(t.weight * float(self._logits[t.output]) for t in targets)
        chosen = [
            (block, int(unit))
            for block in choice.blocks
            for unit in np.argsort(-values["relevance"][block], kind="stable")[: choice.top]
        ]
        maps = self._maps(choice, targets, chosen) if choice.maps else [None] * len(chosen)
        drops: list[float | None] = [None] * len(chosen)
        if choice.drops and choice.site != "stream":
            drops = self._drops(choice, targets, chosen, options)
        units = [
            self._describe(choice, place, values, gradients["relevance"], explained, heatmap, drop)
            for place, heatmap, drop in zip(chosen, maps, drops)
        ]
        return Neurons(
            site=choice.site,
            method=self._method.name,
            target=target,
            versus=wanted.versus,
            explained=explained,
            logits=self._logits.copy(),
            blocks=tuple(self._block(choice, b, inside["flow"], units) for b in choice.blocks),
            scores=values["relevance"],
            activations=values["activation_max"],
            first_order_drops=gradients["relevance"],
            tokens=inside["tokens"],
        )

    def attend(self, classes: tuple[Class, ...], info: ModelInfo) -> Attention:
        """Of a model with these classes."""
        self._forward(classes, 1)
        weights = np.empty((info.depth, info.heads, self._tokens), np.float32)
        call(lib.vitlrp_session_attention, self._session, _check.floats(weights))
        patches = weights[:, :, self._tokens - self._grid[0] * self._grid[1] :]
        return Attention(weights=weights, heatmaps=patches.reshape(info.depth, info.heads, *self._grid))

    def _values(
        self, choice: Choice, targets: Any, method: _capi.MethodOptions, whole: bool
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Arrays of the units by one method, and of blocks."""
        info = new_record(_capi.ModelInfo, lib.vitlrp_model_info_init_sized)
        lib.vitlrp_model_describe(self._model, ctypes.byref(info))
        site = words("site").index(choice.site)
        shape = info.depth, lib.vitlrp_model_site_width(self._model, site)
        found = {"relevance": np.empty(shape, np.float32), "activation_max": np.empty(shape, np.float32)}
        where = np.empty(shape, np.int32)
        record = _capi.UnitValues(site=site)
        record.relevance = _check.floats(found["relevance"])
        record.activation_max = _check.floats(found["activation_max"])
        record.activation_token = where.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        inside = _capi.Inside(units=ctypes.pointer(record), unit_sites=1)
        flow = (_capi.BlockFlow * info.depth)()
        tokens = np.empty((info.depth + 1, self._tokens), np.float32)
        if whole:
            inside.flow, inside.tokens = flow, _check.floats(tokens)
        what = (self._session, targets, len(targets), ctypes.byref(method))
        call(lib.vitlrp_session_inside, *what, ctypes.byref(inside))
        return {**found, "token": where}, {"flow": flow, "tokens": tokens}

    def _maps(self, choice: Choice, targets: Any, chosen: Sequence[tuple[int, int]]) -> list[Any]:
        """Conditional maps of single units."""
        maps = [np.empty(self._grid, np.float32) for _ in chosen]
        indices = [ctypes.c_int32(unit) for _, unit in chosen]
        site = words("site").index(choice.site)
        groups = (_capi.UnitGroup * max(len(chosen), 1))()
        for group, (block, _), index, heatmap in zip(groups, chosen, indices, maps):
            group.site, group.block, group.count = site, block, 1
            group.indices, group.patches = ctypes.pointer(index), _check.floats(heatmap)
        record = _capi.Conditional(groups=groups, group_count=len(chosen))
        what = (self._session, targets, len(targets), ctypes.byref(self._options))
        call(lib.vitlrp_session_conditional, *what, ctypes.byref(record))
        return maps

    def _drops(
        self,
        choice: Choice,
        targets: Any,
        chosen: Sequence[tuple[int, int]],
        options: _capi.SessionOptions,
    ) -> list[float | None]:
        """What is explained loses without each unit."""
        site = words("site").index(choice.site)
        units = (_capi.Unit * max(len(chosen), 1))(*(_capi.Unit(site, block, unit) for block, unit in chosen))
        listed = _capi.UnitList(units=units, count=len(chosen))
        logits = np.empty((len(chosen), len(self._logits)), np.float32)
        values = _check.floats(self._source.values)
        watch = Watch()
        options.observer = watch.record
        what = (self._model, ctypes.byref(options), values, ctypes.byref(listed))
        with watch.calls(None, None):
            call(lib.vitlrp_unit_effects, *what, _check.floats(logits))
        lost = self._logits.astype(np.float64) - logits
        return [float(sum(t.weight * row[t.output] for t in targets)) for row in lost]

    def _describe(
        self,
        choice: Choice,
        chosen: tuple[int, int],
        values: dict[str, Any],
        gradients: _check.Floats,
        explained: float,
        heatmap: Any,
        drop: float | None,
    ) -> Unit:
        block, index = chosen
        token = int(values["token"][chosen])
        patch = token - (self._tokens - self._grid[0] * self._grid[1])
        relevance = float(values["relevance"][chosen])
        return Unit(
            name=f"{block}:{choice.site}:{index}",
            block=block,
            index=index,
            relevance=relevance,
            share=relevance / explained if explained != 0 else float("nan"),
            activation=float(values["activation_max"][chosen]),
            token=token,
            place=None if patch < 0 else divmod(patch, self._grid[1]),
            first_order_drop=float(gradients[chosen]),
            drop=drop,
            heatmap=heatmap,
        )

    @staticmethod
    def _block(choice: Choice, index: int, flow: Any, units: Sequence[Unit]) -> Block:
        half = _BRANCH[choice.site]
        return Block(
            index=index,
            units=tuple(unit for unit in units if unit.block == index),
            entering=flow[index].entering,
            branch=getattr(flow[index], f"{half}_branch"),
            shortcut=getattr(flow[index], f"{half}_shortcut"),
            leaving=flow[index].leaving,
        )


class Seeing(Part):
    """The hidden units and the heads of a model at work on an image."""

    def neurons(
        self,
        image: _image.ImageLike,
        target: ClassLike | None = None,
        *,
        versus: ClassLike | None = None,
        site: str = "fc1",
        top: int = 5,
        blocks: Sequence[int] | None = None,
        method: str = "attnlrp",
        maps: bool = True,
        drops: bool = True,
        preprocessing: _image.Preprocessing | None = None,
        ignore_exif: bool = False,
        resample: bool = False,
        threads: int | None = None,
        backend: str = "auto",
        precision: str = "fp32",
        progress: Progress | None = None,
        **parameters: Any,
    ) -> Neurons:
        """The hidden units that a class of an image went through, by relevance.

            found = model.neurons("cat.jpg", "tabby", top=3)
            found.blocks[11].units[0].name      # "11:fc1:667"

        site    "fc1", neurons of the MLPs; "head", attention heads; "stream", dimensions of the
                residual stream
        top     units of each block, the most relevant first
        blocks  which, from 0; None: all
        method  attnlrp, attnlrp-eps, cp-lrp or libra
        maps    a conditional map for each: about half the time
        drops   a forward pass without each

        All else as of explain; target is one class.
        """
        _method.check_keywords(self.neurons, parameters)
        chosen = _method.describe(method)
        options = _method.method_options(chosen, parameters)
        wanted = self._wanted(target, versus)
        if wanted.several:
            raise UsageError("target must be one class: hidden units are those of one")
        choice = self._unit_choice(site, top, blocks, maps, drops)
        request = Request(
            preprocessing=preprocessing,
            ignore_exif=ignore_exif,
            resample=resample,
            threads=threads,
            backend=backend,
            precision=precision,
        )
        source = self._input(image, request, False, 4)
        size = source.values.shape[1], source.values.shape[2]
        settings = self._session_settings(request, size, f"{chosen.name},{_GRADIENT}", True)
        single = new_record(_capi.SessionOptions, lib.vitlrp_session_options_init_sized)
        single.threads, single.backend, single.precision = settings.threads, settings.backend, settings.precision
        single.input_height, single.input_width = settings.height, settings.width
        taken = self._sessions.session(settings, progress, None)
        with self._in_use() as model, taken as session:
            work = Looking(model, session, source, chosen, options)
            warn_of_precision(precision, work.precision, 3)
            return work.look(self.classes, wanted, choice, single)

    def attention(
        self,
        image: _image.ImageLike,
        *,
        preprocessing: _image.Preprocessing | None = None,
        ignore_exif: bool = False,
        resample: bool = False,
        threads: int | None = None,
        backend: str = "auto",
        precision: str = "fp32",
    ) -> Attention:
        """Where each head looks in an image, by a forward pass.

            found = model.attention("cat.jpg")
            found.heatmaps[11, 2]            # of head 2 of block 11: (rows, columns)

        All options as of explain.
        """
        method = _method.describe(_ATTENTION)
        request = Request(
            preprocessing=preprocessing,
            ignore_exif=ignore_exif,
            resample=resample,
            threads=threads,
            backend=backend,
            precision=precision,
        )
        source = self._input(image, request, False, 4)
        size = source.values.shape[1], source.values.shape[2]
        settings = self._session_settings(request, size, method.name, False)
        taken = self._sessions.session(settings, None, None)
        with self._in_use() as model, taken as session:
            work = Looking(model, session, source, method, _method.method_options(method, {}))
            warn_of_precision(precision, work.precision, 3)
            return work.attend(self.classes, self.info)

    def _unit_choice(
        self, site: str, top: int, blocks: Sequence[int] | None, maps: bool, drops: bool
    ) -> Choice:
        depth = self.info.depth
        _check.choice("site", site, "site")
        listed = range(depth) if blocks is None else blocks
        if isinstance(listed, (str, bytes)) or not isinstance(listed, (Sequence, range)):
            raise UsageError("blocks must be a list of whole numbers")
        return Choice(
            site=site,
            top=_check.whole("top", top, 1, _check.INT32_MAX),
            blocks=tuple(dict.fromkeys(_check.whole("blocks", block, 0, depth - 1) for block in listed)),
            maps=bool(_check.flag("maps", maps)),
            drops=bool(_check.flag("drops", drops)),
        )
