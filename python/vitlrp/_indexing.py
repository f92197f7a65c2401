"""Indexes of hidden units: the values of an image, and the run over a data set."""

from __future__ import annotations

import ctypes
import dataclasses
import os
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _capi, _check
from . import image as _image
from . import method as _method
from ._explain import Explaining, Request, Wanted, warn_of_precision
from ._handle import Handle
from ._library import call, lib, new_record, words
from ._part import Part
from ._watching import Progress, run_each
from .batch import OF_ALL, Item, digest, list_items, open_dataset
from .concepts import Concepts
from .errors import IoError, UsageError, VitlrpError
from .explanation import Class

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._sessions import SessionSettings
    from .image import Preprocessing
    from .method import Parameters

_TARGETS = ("predicted", "label")
_RELEVANCE = 1 << words("concept_kind").index("relevance")


@dataclasses.dataclass(frozen=True)
class Keeping:
    """What an index keeps of a unit."""

    site: int
    keep: int
    statistic: str
    kinds: int  # a bit for each
    class_sums: int


def _kinds(names: Collection[str]) -> int:
    if isinstance(names, str) or not isinstance(names, Collection) or len(names) == 0:
        raise UsageError('kinds must be a list with "relevance", "activation" or both')
    return sum({1 << _check.choice("kinds", name, "concept_kind") for name in names})


class _Values:
    """The units of an image and the record of it, which points into the arrays."""

    def __init__(self, site: int, shape: tuple[int, int], parts: int) -> None:
        floats = {name: np.empty(shape, np.float32) for name in ("relevance", "relevance_max", "activation_max")}
        floats["activation_mean"] = np.empty((*shape, 2), np.float32)
        floats["column_mean"] = np.empty((*shape, parts, 2), np.float32)
        tokens = {name: np.empty(shape, np.int32) for name in ("relevance_token", "activation_token")}
        self._kept = floats, tokens
        self.units = _capi.UnitValues(site=site)
        for name, array in floats.items():
            setattr(self.units, name, _check.floats(array))
        for name, where in tokens.items():
            setattr(self.units, name, where.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)))
        self.flow = (_capi.BlockFlow * shape[0])()
        self.image = _capi.ConceptsImage(units=ctypes.pointer(self.units), flow=self.flow)


class Indexed(Explaining):
    """Explaining, into the values of an image of an index."""

    def fill(self, classes: tuple[Class, ...], wanted: Wanted, values: _Values, relevant: bool) -> None:
        """Of a model with these classes; all but what is of the file."""
        self._hidden = wanted.hidden
        self._units = None if relevant else values.units
        self._forward(classes, 1)
        predicted = self._ranked[0]
        target = wanted.listed[0] if wanted.listed else predicted
        if relevant:
            targets = self._targets(target, None)
            inside = _capi.Inside(units=ctypes.pointer(values.units), unit_sites=1)
            inside.flow = values.flow
            what = (self._session, targets, 1, ctypes.byref(self._options))
            call(lib.vitlrp_session_inside, *what, ctypes.byref(inside))
        image = values.image
        image.target, image.predicted = target.output, predicted.output
        image.logit = float(self._logits[target.output])
        image.probability = self._number(target)
        image.predicted_probability = self._number(predicted)

    def _number(self, one: Class) -> float:
        likely = self._likely[one.output]
        return float("nan") if likely is None else likely


def _failed(error: VitlrpError, found: str | None) -> _capi.ConceptsImage:
    """The record of an image that was not explained."""
    image = _capi.ConceptsImage(status=words("status").index(error.status))
    image.message = str(error).encode(errors="surrogateescape")
    image.sha256 = None if found is None else found.encode()
    return image


def _check_folder(folder: _check.StrPath) -> None:
    """Before hours of work: UsageError for what Concepts could not be written to."""
    if os.path.lexists(folder) and not (os.path.isdir(folder) and not os.listdir(folder)):
        raise UsageError(f"{os.fspath(folder)}: is there already, and no empty folder; take another one")


class Indexing(Part):
    """Indexes of hidden units over many images."""

    def concepts(
        self,
        images: _check.StrPath,
        folder: _check.StrPath,
        target: str = "predicted",
        *,
        site: str = "fc1",
        keep: int = 16,
        statistic: str = "sum",
        kinds: Collection[str] = ("relevance", "activation"),
        class_sums: bool = False,
        limit: int | None = None,
        method: str = "attnlrp",
        preprocessing: Preprocessing | None = None,
        ignore_exif: bool = False,
        threads: int | None = None,
        backend: str = "auto",
        precision: str = "fp32",
        progress: Progress | None = None,
        **parameters: Unpack[Parameters],
    ) -> Concepts:
        """An index of all units of a site over images: what each of them stands for.

            index = model.concepts("imagenet/val", "units", site="head")
            index["4:head:2"].relevant[0].path

        images     a folder of images, or a file that lists them, as of batch
        folder     gets the index when it is complete, and must be new or empty: a call that ends
                   before leaves nothing. (A run that shall be resumed is the command's)
        target     relevance for the "predicted" class, or for the "label": that of the image's folder
        site       "fc1", neurons of the MLPs; "head", attention heads; "stream", dimensions of the
                   residual stream
        keep       images that a unit keeps of each kind, 1 to 1000
        statistic  relevance is the "sum" over the tokens, or the "max" of them
        kinds      of images that a unit keeps: "relevance", "activation", or both; without relevance an
                   image takes a forward pass alone
        class_sums relevance is added up by class too (Concepts.class_sums)
        limit      number of images, spread evenly over all of them; None: all
        method     attnlrp, attnlrp-eps, cp-lrp, libra or input-x-gradient
        threads    images at the same time; None: one per available processor
        progress   called with (done, images) after each

        Arrays and state are those of `vitlrp concepts`, bit for bit, for the same images, settings
        and passes; there is no page. An image that cannot be explained is in no array, and
        Concepts.failed() has its reason. All else as of explain.
        """
        _method.check_keywords(self.concepts, parameters)
        own = {"method": method, "preprocessing": preprocessing, "ignore_exif": ignore_exif}
        arithmetic = {"backend": backend, "precision": precision}
        request, count = self._batch_request("concepts", threads, {**own, **arithmetic, **parameters})
        sums = _check.flag("class_sums", class_sums)
        keeping = Keeping(_check.choice("site", site, "site"), keep, statistic, _kinds(kinds), sums)
        run = self._index_run(target, keeping, request)
        most = _check.whole("limit", 0 if limit is None else limit, 0, _check.INT32_MAX)
        path = _check.path("folder", folder)
        _check_folder(folder)
        with self._in_use() as model:
            dataset = open_dataset(model, images, target == "label", most)
            try:
                run.begin(model, images, dataset)
                run.over(list_items(dataset), count, progress)
                call(lib.vitlrp_concepts_write, run.builder, path)
            finally:
                run.close()
                dataset.close()
        return Concepts(folder)

    def _index_run(self, target: str, keeping: Keeping, request: Request) -> Run:
        if target not in _TARGETS:
            raise UsageError(f'target must be "predicted" or "label", not {_check.shown(target)}')
        return Run(self, target == "label", keeping, request)


class Run:
    """A call of Model.concepts."""

    def __init__(self, model: Indexing, by_label: bool, keeping: Keeping, request: Request) -> None:
        self._model, self._by_label, self._site, self._request = model, by_label, keeping.site, request
        self._keep = _check.whole("keep", keeping.keep, 1, _check.INT32_MAX)
        self._statistic = _check.text("statistic", keeping.statistic)
        self._kinds, self._class_sums = keeping.kinds, keeping.class_sums
        self._method = _method.describe(request.method)
        self._options = _method.method_options(self._method, request.parameters)
        self._prepared = model._prepared(request.preprocessing)
        self._likely = model._wanted(None, None)
        self.builder = _capi.ConceptsBuilderPointer()

    def begin(self, model: _capi.ModelPointer, images: _check.StrPath, dataset: Handle) -> None:
        info = new_record(_capi.ModelInfo, lib.vitlrp_model_info_init_sized)
        lib.vitlrp_model_describe(model, ctypes.byref(info))
        width = lib.vitlrp_model_site_width(model, self._site)
        self._shape = (info.depth, width), info.dim // width if words("site")[self._site] == "head" else 1
        self._pointer, self._images = model, images
        options = new_record(_capi.ConceptsOptions, lib.vitlrp_concepts_options_init_sized)
        options.site, options.keep, options.statistic = self._site, self._keep, self._statistic
        options.kinds, options.class_sums = self._kinds, self._class_sums
        options.dataset, options.method = dataset.pointer, ctypes.pointer(self._options)
        preprocess = _image.record_of(self._prepared)
        options.preprocess = ctypes.pointer(preprocess)
        options.ignore_exif = _check.flag("ignore_exif", self._request.ignore_exif)
        settings = self._settings(self._model.info.image_height, self._model.info.image_width)
        with self._model._sessions.session(settings) as session:
            options.session = session
            self._warn_of_precision(session)
            call(lib.vitlrp_concepts_make, model, ctypes.byref(options), ctypes.byref(self.builder))

    def _warn_of_precision(self, session: _capi.SessionPointer) -> None:
        info = new_record(_capi.SessionInfo, lib.vitlrp_session_info_init_sized)
        lib.vitlrp_session_describe(session, ctypes.byref(info))
        warn_of_precision(self._request.precision, words("precision")[info.precision], 5)

    def _settings(self, height: int, width: int) -> SessionSettings:
        return self._model._session_settings(self._request, (height, width), self._method.name, False)

    def close(self) -> None:
        lib.vitlrp_concepts_builder_close(self.builder)
        self.builder = _capi.ConceptsBuilderPointer()

    def over(self, items: list[Item], threads: int, progress: Progress | None) -> None:
        """Adds every image."""
        for place, (item, found) in enumerate(run_each(self._explain, items, threads)):
            self._add(place, found if isinstance(found, _capi.ConceptsImage) else found.image)
            if progress is not None:
                progress(place + 1, len(items))

    def _add(self, place: int, image: _capi.ConceptsImage) -> None:
        image.place = place
        try:
            call(lib.vitlrp_concepts_add, self.builder, ctypes.byref(image))
        except VitlrpError as error:
            if isinstance(error, OF_ALL):
                raise
            failed = _failed(error, image.sha256.decode())
            failed.place = place
            call(lib.vitlrp_concepts_add, self.builder, ctypes.byref(failed))

    def _explain(self, item: Item, cancelled: Callable[[], bool]) -> _Values | _capi.ConceptsImage:
        """The values of an image, or why it has none. What would meet every other one is raised."""
        before = digest(item.path)
        try:
            values = self._values(item, cancelled)
            if before is None or digest(item.path) != before:
                raise IoError(f"{os.fspath(item.path)}: changed while it was read")
        except VitlrpError as error:
            if isinstance(error, OF_ALL) or not os.path.exists(self._images):
                raise
            return _failed(error, before)
        values.image.sha256 = before.encode()
        return values

    def _values(self, item: Item, cancelled: Callable[[], bool]) -> _Values:
        values = _Values(self._site, *self._shape)
        source, warning = _image.read_noted(item.path, self._prepared, self._request.ignore_exif)
        values.image.warning = None if warning is None else warning.encode()
        _, height, width = source.values.shape
        wanted = self._likely
        if self._by_label and item.label is not None:
            wanted = self._model._wanted(self._model.classes[item.label], None)
        taken = self._model._sessions.session(self._settings(height, width), None, cancelled)
        with taken as session:
            work = Indexed(self._pointer, session, source, self._method, self._options)
            work.fill(self._model.classes, wanted, values, self._kinds & _RELEVANCE != 0)
        return values
