"""Models: weights in, explanations and evaluations out."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import operator
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, overload

import numpy as np

from . import _capi, _check, _opening, _torch, evaluation
from . import batch as _batch
from . import image as _image
from . import method as _method
from ._comparing import Comparing
from ._editing import Editing
from ._explain import Explaining, Request, Wanted, check_contrast, check_level, warn_of_precision
from ._handle import Handle
from ._indexing import Indexing
from ._info import Fact, ModelInfo, describe, list_facts
from ._library import call, lib, logger, new_record, take_bytes, words
from ._looking import Seeing
from ._opening import JsonLike, LabelsLike, Opening
from ._options import BatchOptions, ClassLike, EvaluateOptions, ExplainOptions, TuneOptions
from ._sessions import SessionPool, SessionSettings
from ._watching import Progress, run_each
from .errors import ForkError, UsageError, printable
from .explanation import OTHERS, Class, Explanation

if TYPE_CHECKING:
    from typing_extensions import Unpack

_TOP = "top:"
_OPENING = tuple(field.name for field in dataclasses.fields(Opening))
_EXPLAIN = (
    *(field.name for field in dataclasses.fields(Request) if field.name != "parameters"),
    *_method.Parameters.__annotations__,
)


class Model(Comparing, Editing, Indexing, Seeing):
    """A Vision Transformer. Immutable, and shared by any number of threads: every call that
    computes takes a session of its own from the model's pool.

    path       .safetensors, .pth, .pt, .bin, .npz or a Hugging Face folder, or the bytes of such a
               file; None: the small built-in model for 200 ImageNet classes at 64 x 64 pixels
    heads      number of attention heads, where the weights file does not state it
    activation, pool, norm_eps
               of the MLPs ("gelu", "gelu_tanh", "quick_gelu", "silu"), what the head reads ("cls",
               "mean", "cls_mean", "map", or "pooler", the class token through the file's own pooler),
               of the norms; they decide, also against the model's files
    probability
               how probabilities follow from the logits: "softmax" (one class is right), "sigmoid"
               (each class by itself) or "none" (outputs are values); likewise
    labels     class names: a list, a dictionary by output, or a file with one a line or
               index<TAB>wnid<TAB>name; None: the model's, else ImageNet's
    weights    of a training's checkpoint: "ema", the average over the training, "raw", the weights of
               the last step, or "auto", the average where there is one
    ignore_tensors
               names of tensors to leave out, separated by commas; * and ? as in a shell
    adapter    folder of a LoRA adapter (PEFT), which is merged into the weights
    head       file of a head, for a model without one or in the place of its own: weight and bias, alone
               or as head., linear_head., classifier. or fc.; the number of its inputs says what it reads
    head_activation  between the layers of a head of two, where its file does not state it: "gelu",
               "gelu_tanh", "quick_gelu", "relu" or "tanh"
    passes     about how many images will be explained: from 32 on, the weights are held a second
               time, arranged for speed
    max_bytes  of the file, and of its weights in memory: LimitError beyond; None: 4 GiB
    config, preprocessor
               what lies beside a file, of weights given as bytes: the object of config.json (timm's,
               Hugging Face's) or open_clip_config.json, and of preprocessor_config.json
    facts      what you know of the model, by the names of Model.facts, as {"registers": 4}; it
               decides
    preprocessing  how photographs become inputs; None: as the model's files state, else a guess

    A forked process must not use a model that was opened before the fork: ForkError. Open it in
    the child, or start children by "spawn".
    """

    def __init__(
        self,
        path: _check.StrPath | bytes | None = None,
        heads: int | None = None,
        labels: LabelsLike | None = None,
        *,
        weights: str = "auto",
        ignore_tensors: str | None = None,
        adapter: _check.StrPath | None = None,
        head: _check.StrPath | None = None,
        head_activation: str | None = None,
        passes: int = 1,
        max_bytes: int | None = None,
        activation: str = "stated",
        pool: str = "stated",
        norm_eps: float | None = None,
        probability: str = "stated",
        config: JsonLike | None = None,
        preprocessor: JsonLike | None = None,
        facts: Mapping[str, Any] | None = None,
        preprocessing: _image.Preprocessing | None = None,
    ) -> None:
        opening = Opening(
            heads=heads,
            labels=labels,
            weights=weights,
            ignore_tensors=ignore_tensors,
            adapter=adapter,
            head=head,
            head_activation=head_activation,
            max_bytes=max_bytes,
            activation=activation,
            pool=pool,
            norm_eps=norm_eps,
            probability=probability,
            config=config,
            preprocessor=preprocessor,
            facts=facts,
            preprocessing=preprocessing,
        )
        passes = _check.whole("passes", passes, 1, _check.INT32_MAX)
        data = _opening.read_bytes(path)
        if data is None:
            self._adopt(_opening.open_path(path, opening), passes)
        else:
            self._adopt(_opening.open_memory(data, opening), passes, data)

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Any], *, name: str = "tensors", passes: int = 1, **options: Any
    ) -> Model:
        """A model of arrays by name, as the state_dict of torchvision, timm, transformers or
        open_clip has them: numpy's float16, float32 and float64, and ml_dtypes' bfloat16.

        `facts`, `config` and `preprocessor` state what a file would have beside them; all
        arguments of Model may be given. The arrays are read during the call.
        """
        passes = _check.whole("passes", passes, 1, _check.INT32_MAX)
        _check.keywords("from_tensors", options, _OPENING)
        pointer = _opening.open_tensors(tensors, name, Opening(**options))
        made = cls.__new__(cls)
        made._adopt(pointer, passes)
        return made

    @classmethod
    def from_torch(
        cls,
        module: Any,
        *,
        labels: LabelsLike | None = None,
        transform: Any = None,
        check: bool = True,
        passes: int = 1,
        **options: Any,
    ) -> Model:
        """A model of a torch module: of torchvision, timm or transformers, or open_clip's tower.

        module     its weights are copied, as float32; later training does not change the model
        labels     names of the classes: a list, a dictionary by output, or a file; None: the
                   module's, else ImageNet's
        transform  how photographs become inputs: torchvision's transforms (weights.transforms(), a
                   Compose), timm's create_transform, an image processor of transformers, or a
                   Preprocessing; None: what the module states, else a guess, with a warning
        check      runs the module once on a random input, and compares: MismatchError if it computes
                   something else
        options    all arguments of Model, `heads` or `facts` among them: they decide

        Heads, eps, activation, pooling and the rest are read from the module; UnsupportedError
        names what is not known. The module is explained as it is in eval(): a warning says so where
        it is in training, and where it has hooks, which are no part of the model.
        """
        _check.keywords("from_torch", options, _OPENING)
        opening = {"labels": labels, **options}
        return _torch.open_module(cls, module, transform, opening, passes, _check.flag("check", check))

    def _adopt(self, pointer: _capi.ModelPointer, passes: int, *kept: object) -> None:
        """Becomes the owner of a model of the library, which needs what is `kept`."""
        self._handle = Handle(pointer, lib.vitlrp_model_close, *kept)
        self._sessions = SessionPool(self._handle, passes)
        self._lock = threading.Lock()
        self._users = 0
        self._closed = False
        self._classes: tuple[Class, ...] | None = None
        self._hidden = 0  # classes at the end that are not predicted
        self._info = describe(pointer)
        self.preprocessing = _preprocessing(pointer)  # the model's own

    def _made(self, pointer: _capi.ModelPointer, passes: int, hidden: int = 0) -> Model:
        """A model of the library's that is made of this one."""
        made = type(self).__new__(type(self))
        made._adopt(pointer, _check.whole("passes", passes, 1, _check.INT32_MAX), *self._handle.kept)
        made._hidden = hidden
        return made

    # ---- Lifetime

    def close(self) -> None:
        """Releases the model when the calls of other threads have ended. A second call does nothing."""
        if os.getpid() != self._handle.owner:
            return
        with self._lock:
            self._closed = True
            last = self._users == 0
        if last:
            self._release()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        info = self.info
        size = f"{info.image_width} x {info.image_height}"
        return printable(f"<Model: {info.name}, {size} pixels, {info.classes} classes>")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vitlrp.Model cannot be pickled: open it in every process")

    def _release(self) -> None:
        self._sessions.close()
        self._handle.close()

    @contextmanager
    def _in_use(self) -> Iterator[_capi.ModelPointer]:
        """The model for the length of a block, during which it stays open."""
        if os.getpid() != self._handle.owner:
            raise ForkError(
                "this model was opened before the process was forked: open it in the child, or "
                'start children by "spawn"'
            )
        with self._lock:
            if self._closed:
                raise UsageError("the model is closed")
            self._users += 1
        try:
            yield self._handle.pointer
        finally:
            with self._lock:
                self._users -= 1
                last = self._closed and self._users == 0
            if last:
                self._release()

    # ---- What it is

    @property
    def info(self) -> ModelInfo:
        """What is in the weights file; sizes of buffers follow from it."""
        return self._info

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What the architecture is made of beside the weights, and who states it. A fact whose source
        is "guess" is what most models have: `heads`, `activation`, `pool`, `norm_eps` and
        `probability` of the constructor correct it."""
        with self._in_use() as model:
            return list_facts(model, of_texts=False)

    @property
    def classes(self) -> tuple[Class, ...]:
        """All classes, in the order of the logits."""
        if self._classes is None:
            found = _capi.Class()
            listed = []
            with self._in_use() as model:
                for output in range(self.info.classes):
                    call(lib.vitlrp_model_class, model, output, ctypes.byref(found))
                    listed.append(_class_of(found))
            self._classes = tuple(listed)
        return self._classes

    def find_class(self, name: ClassLike) -> Class:
        """The class of an index (281), a WordNet id ("n02123045") or a label ("tabby").

        UsageError, with the reason, if there is none or if there are several.
        """
        if isinstance(name, Class):
            own = self.classes[name.output] if 0 <= name.output < self.info.classes else None
            if own is not None and (own.index, own.label) == (name.index, name.label):
                return own  # whatever else its number names
            name = name.index
        if not isinstance(name, str):
            try:
                name = str(operator.index(name))
            except (TypeError, ValueError):  # ValueError: of too many digits
                raise UsageError(
                    f"a class is an index, a WordNet id or a label, not {_check.shown(name)}"
                ) from None
        found = _capi.Class()
        wanted = _check.text("class", name)
        with self._in_use() as model:
            call(lib.vitlrp_model_find_class, model, wanted, ctypes.byref(found))
            return _class_of(found)

    def sha256(self) -> str:
        """SHA-256 of the bytes that the weights were loaded from, as 64 hexadecimal digits.

        Taken at the first call, from the file that was opened then, whatever its name leads to by
        now. IoError if somebody has written to that file since.
        """
        digest = ctypes.create_string_buffer(65)
        with self._in_use() as model:
            call(lib.vitlrp_model_sha256, model, digest)
        return digest.value.decode()

    def configuration(self) -> dict[str, Any]:
        """What decides about the results beside the weights, as records name it.

        Architecture, preprocessing and classes as they were loaded, and under "files" the SHA-256
        of each file that had a say in them.
        """
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        with self._in_use() as model:
            call(lib.vitlrp_model_configuration, model, ctypes.byref(data), ctypes.byref(size))
        found: dict[str, Any] = json.loads(take_bytes(data, size.value))
        return found

    # ---- Explaining

    def preprocess(
        self,
        image: _image.ImageLike,
        *,
        preprocessing: _image.Preprocessing | None = None,
        ignore_exif: bool = False,
    ) -> _check.Floats:
        """The model input of an image, float32 (channels, height, width); arguments as of explain."""
        return _image.read(image, self._prepared(preprocessing), ignore_exif, keep_photo=False).values

    def _prepared(self, preprocessing: _image.Preprocessing | None) -> _image.Preprocessing:
        return self.preprocessing if preprocessing is None else preprocessing

    @overload
    def explain(
        self,
        image: _image.ImageLike,
        target: int | Class | None = ...,
        **options: Unpack[ExplainOptions],
    ) -> Explanation:
        ...

    @overload
    def explain(
        self,
        image: _image.ImageLike,
        target: list[int] | list[str] | list[Class] | list[ClassLike],
        **options: Unpack[ExplainOptions],
    ) -> list[Explanation]:
        ...

    @overload
    def explain(
        self, image: _image.ImageLike, target: str, **options: Unpack[ExplainOptions]
    ) -> Any:
        ...

    def explain(
        self,
        image: _image.ImageLike,
        target: Any = None,
        *,
        versus: ClassLike | None = None,
        method: str = "attnlrp",
        level: str = "patch",
        preprocessing: _image.Preprocessing | None = None,
        ignore_exif: bool = False,
        resample: bool = False,
        keep_photo: bool = True,
        threads: int | None = None,
        backend: str = "auto",
        precision: str = "fp32",
        progress: Progress | None = None,
        **parameters: Any,
    ) -> Any:
        """Explains one class of an image, or several after one forward pass.

        image          path of a JPEG, PNG, WebP, BMP, PNM or .npy file; bytes of such a photograph, or a
                       file object; PIL image (its pixels as they are: EXIF orientation is honoured in
                       files only); array of a photograph, uint8 or float from 0 to 1: (height, width,
                       3), grey (height, width), with an opacity (left out), or uint8 (3, height,
                       width); or a model input, float (3, height, width). Tensors are arrays, and a
                       batch of one is its image
        target         index, WordNet id or label of a class; None: the most likely one. A list of
                       these, or "top:3" for the most likely ones, gives a list of explanations
        versus         explain the difference to this class, or to all "others" by their
                       probability; a list leaves it out
        method         a name of vitlrp.methods()
        level          "patch": a map of patches; "pixel": of input pixels, summed over channels
        preprocessing  instead of the model's own
        ignore_exif    leave a file's pixels as stored
        resample       take a model input of another size than the model's: positions are resampled
        keep_photo     False: the explanation is small, and pictures of it need photo=
        threads        None: one per available processor. Use 1 where several threads explain
        backend        matrix products: "auto", "openblas" or, where built, "onednn"
        precision      "fp32", "mixed" (the gamma rule's products with |W| in fewer bits), "bf16",
                       "bf16x3" (each float as the sum of two bfloat16; processors with AMX)
        progress       called with (done, total) passes by methods that run the model many times, in
                       this thread. What it raises ends the call, and so does Ctrl-C, within 0.2
                       seconds or one operation
        parameters     override the method's own: gamma_conv, gamma_linear, gamma_qkv, gamma_proj,
                       gamma_fc1, gamma_fc2, gamma_head (0 or more, or inf), epsilon,
                       attention_share; head_fusion, discard_ratio; samples; noise; seed; score;
                       masks. See vitlrp.Parameters
        """
        _check.keywords("explain", parameters, _EXPLAIN)
        request = Request(
            versus=versus,
            method=method,
            level=level,
            preprocessing=preprocessing,
            ignore_exif=ignore_exif,
            resample=resample,
            keep_photo=keep_photo,
            threads=threads,
            backend=backend,
            precision=precision,
            progress=progress,
            parameters=parameters,
        )
        return self._explain(image, target, request)

    def explain_batch(
        self,
        images: _image.ImagesLike,
        target: Any = None,
        *,
        threads: int | None = None,
        progress: Progress | None = None,
        **options: Unpack[BatchOptions],
    ) -> list[Any]:
        """Explains several images: an array (count, 3, height, width), or a list of what explain takes.

        Gives a list of what explain gives for each. `target` is one for all, or a list with one for
        each image. As many images at the same time as there are `threads` (None: one per available
        processor); `progress` is called with (done, count) images. Other arguments as of explain.
        Ctrl-C ends it within 0.2 seconds or one operation, and so does an image that fails.
        """
        listed = _image.listed(images)
        targets = target if isinstance(target, (list, tuple)) else [target] * len(listed)
        if len(targets) != len(listed):
            raise UsageError(f"target has {len(targets)} entries for {len(listed)} images")
        request, count = self._batch_request("explain_batch", threads, options)
        found: list[Any] = []

        def work(pair: Any, cancelled: Callable[[], bool]) -> Any:
            image, wanted = pair
            return self._explain(image, wanted, request, cancelled)

        for _, one in run_each(work, zip(listed, targets), count):
            found.append(one)
            if progress is not None:
                progress(len(found), len(listed))
        return found

    def explain_each(
        self,
        images: Iterable[_image.ImageLike],
        target: Any = None,
        *,
        threads: int | None = None,
        **options: Unpack[BatchOptions],
    ) -> Iterator[Any]:
        """What explain gives for each image, one after the other, as it is asked for.

        `images` may be a generator of any length: about two images for each of the `threads` are in
        memory. Other arguments as of explain. An image that fails ends it.
        """
        request, count = self._batch_request("explain_each", threads, options)

        def work(image: Any, cancelled: Callable[[], bool]) -> Any:
            return self._explain(image, target, request, cancelled)

        return (found for _, found in run_each(work, images, count))

    def batch(
        self,
        images: _check.StrPath | Iterable[_check.StrPath],
        folder: _check.StrPath,
        target: Any = None,
        *,
        write: str | Sequence[str] = ("png",),
        look: Mapping[str, Any] | None = None,
        threads: int | None = None,
        retry_failed: bool = False,
        progress: Progress | None = None,
        **options: Unpack[BatchOptions],
    ) -> _batch.Batch:
        """Explains a folder of images, or an iterable of paths, into another folder.

        The same call again does what is left. `write` names the files for each image: "png" or
        "jpg", the picture, "raw", the map, "logits"; `look` is how pictures look, as {"style":
        "panel"}: the keywords of Explanation.encode. results.jsonl has a line for each image, and
        Batch.results() reads it. An image that cannot be explained has its reason there and stops
        nothing; `retry_failed` tries it again. `target` may also be "label": the class of the
        image's own folder. `progress` is called with (done, images). A folder has maps of one kind:
        UsageError for a call with other arguments. Others are as of explain_batch.
        """
        kinds, place, look = _batch.check_write(write), os.fspath(folder), _batch.check_look(_check.mapping("look", look))
        request, count = self._batch_request("batch", threads, options)
        request = dataclasses.replace(request, keep_photo="png" in kinds or "jpg" in kinds)
        chosen = _method.describe(request.method)
        _method.method_options(chosen, request.parameters)
        check_level(request.level, chosen)
        by_label = isinstance(target, str) and target == "label"
        several = False
        if not by_label:
            several = self._wanted(target, request.versus).count > 1
        elif not isinstance(images, (str, os.PathLike)):
            raise UsageError('target "label" needs a folder, or a file that lists images and labels')
        size = self.info.image_height, self.info.image_width
        with self._in_use(), self._sessions.session(self._session_settings(request, size, chosen.name, several)):
            pass  # what keeps a session from being opened is no image's failure
        known = {"weights_sha256": self.sha256(), "configuration": self.configuration()}
        items: Iterable[_batch.Item] = []
        if isinstance(images, (str, os.PathLike)):
            with self._in_use() as model:
                dataset = _batch.open_dataset(model, images, by_label)
                items = _batch.list_items(dataset)
                dataset.close()
        else:
            items = _batch.path_items(images)

        def work(item: _batch.Item, cancelled: Callable[[], bool]) -> Any:
            own = self.classes[item.label] if by_label and item.label is not None else target
            return self._explain(item.path, own, request, cancelled)

        record = _batch.run_record(known, target, options, kinds, look)
        saving = _batch.Saving(place, kinds, look)
        every = _batch.Work(work, saving, record, count, retry_failed, progress)
        return _batch.run(every, items, place)

    @staticmethod
    def _batch_request(function: str, threads: int | None, options: Mapping[str, Any]) -> tuple[Request, int]:
        """What is asked for each image, and how many at the same time."""
        names = [field.name for field in dataclasses.fields(Request)]
        _check.keywords(function, options, _EXPLAIN)
        own: dict[str, Any] = {name: value for name, value in options.items() if name in names}
        parameters = {name: value for name, value in options.items() if name not in names}
        count = _check.threads(threads) or len(os.sched_getaffinity(0))
        return Request(**own, threads=1, parameters=parameters), count

    def _explain(
        self, image: Any, target: Any, request: Request, cancelled: Callable[[], bool] | None = None
    ) -> Any:
        chosen = _method.describe(request.method)
        options = _method.method_options(chosen, request.parameters)
        check_level(request.level, chosen)
        wanted = self._wanted(target, request.versus)
        if chosen.ignores_class and (target is not None or request.versus is not None):
            warnings.warn(f"the map of {chosen.name} is the same for every class", stacklevel=3)
        keep_photo = _check.flag("keep_photo", request.keep_photo) != 0
        source = self._input(image, request, keep_photo, 5)
        size = source.values.shape[1], source.values.shape[2]
        settings = self._session_settings(request, size, chosen.name, wanted.count > 1)
        classes = self.classes
        taken = self._sessions.session(settings, request.progress, cancelled)
        with self._in_use() as model, taken as session:
            work = Explaining(model, session, source, chosen, options)
            warn_of_precision(request.precision, work.precision, 4)
            found = work.run(classes, wanted, request.level)
        if not keep_photo:
            found = [dataclasses.replace(one, photo=None) for one in found]
        return found if wanted.several else found[0]

    def _input(
        self, image: _image.ImageLike, request: Request, keep_photo: bool, level: int
    ) -> _image.Input:
        """The image as an input of a size that the model takes. Warns in the name of the caller that is
        `level` frames up."""
        prepared = self._prepared(request.preprocessing)
        source = _image.read(image, prepared, request.ignore_exif, keep_photo, level)
        size = self.info.image_height, self.info.image_width
        _image.check_size(source, size, prepared, bool(_check.flag("resample", request.resample)))
        return source

    @staticmethod
    def _session_settings(
        request: Request, size: tuple[int, int], methods: str, several: bool
    ) -> SessionSettings:
        """What is asked of a session for inputs of (height, width) pixels and these methods, between commas."""
        return SessionSettings(
            threads=_check.threads(request.threads),
            height=size[0],
            width=size[1],
            methods=methods,
            several=several,
            backend=_check.text("backend", request.backend),
            precision=_check.choice("precision", request.precision, "precision"),
        )

    def _forward(self, values: _check.Floats) -> _check.Floats:
        """The outputs for a model input."""
        _, height, width = values.shape
        found = np.empty(self.info.classes, np.float32)
        settings = self._session_settings(Request(), (height, width), "attnlrp", False)
        with self._in_use(), self._sessions.session(settings) as session:
            call(lib.vitlrp_session_forward, session, _check.floats(values), _check.floats(found))
        return found

    def _against(self, versus: ClassLike | None) -> Class | None:
        """What a class is contrasted with."""
        if isinstance(versus, (str, Class)) and versus in ("others", OTHERS):
            if self.info.classes - self._hidden < 2:
                raise UsageError('versus "others": there is one class, and no other')
            if self.info.outputs in ("feature", "embedding"):
                raise UsageError('versus "others" is of classes, and the model has none')
            return OTHERS
        return None if versus is None else self.find_class(versus)

    def _wanted(self, target: Any, versus: ClassLike | None) -> Wanted:
        against = self._against(versus)
        if self.info.outputs in ("feature", "embedding") and (
            target is None or (isinstance(target, str) and target.startswith(_TOP))
        ):
            texts = "give it texts (with_texts), " if self.info.kind == "image_text" else ""
            raise UsageError(
                f"the model has no head of classes: {texts}name one of the {self.info.classes} numbers of "
                f"its {self.info.outputs} (target), open it with a head, or compare it (like)"
            )
        if target is None:
            return Wanted((), 1, against, several=False, hidden=self._hidden)
        if isinstance(target, str) and target.startswith(_TOP):
            number = target[len(_TOP) :]
            if not (number.isascii() and number.isdecimal()):
                shown = _check.shown(target)
                raise UsageError(f'target must be a class, or as "top:3", not {shown}')
            most = self.info.classes - self._hidden
            digits = number.lstrip("0")
            # Python reads no number of thousands of digits.
            top = most + 1 if len(digits) > len(str(most)) else int(digits or "0")
            if not 1 <= top <= most:
                raise UsageError(f"K of top:K must be from 1 to {most}, not {number[:20]}")
            return Wanted((), top, against, several=True, hidden=self._hidden)
        several = isinstance(target, (list, tuple))
        listed = tuple(self.find_class(one) for one in (target if several else [target]))
        if not listed:
            raise UsageError("target is an empty list")
        for one in listed:
            check_contrast(one, None if several else against)
        return Wanted(listed, 0, against, several, self._hidden)

    # ---- Evaluating

    def evaluate(
        self,
        dataset: _check.StrPath,
        methods: Sequence[str] | None = None,
        *,
        progress: evaluation.Progress | None = None,
        **options: Unpack[EvaluateOptions],
    ) -> evaluation.Evaluation:
        """Measures how faithful methods are: patches are replaced, most and least relevant first.

        dataset        ImageFolder, flat folder with a file of labels, or a file that lists images
        methods        names of vitlrp.methods(); None: a choice of seven
        progress       called with (done, total, failed) after every image, from other threads
        limit          number of images, spread evenly over all of them; None: all
        steps          points of a curve, less one (28)
        target         explain the "predicted" class or the "label"
        replace        what stands in for a patch: "zero" (0 after normalisation), or another of
                       vitlrp.words("replacement"), or several of them: methods attribute once and
                       are measured under each
        reference      the method that the others are compared with; None: rollout, if it is run
        truth, boxes   files of labels and of objects' boxes (data/FORMATS.md)
        truth_masks    folder of masks of the objects, one PNG for each image (eval/PROTOCOL.md)
        maps           {name: folder}: maps that were made elsewhere, one .npy for each image, called
                       like it (eval/PROTOCOL.md); without methods, nothing else is measured
        shard          (i, n): only every n-th image, from the i-th on; Evaluation.merge joins shards
        seed           of everything random (0)
        preprocessing, ignore_exif, backend  as of explain
        threads        images at the same time; None: one per available processor
        precision      "fp32", "mixed" (attributions), "bf16x3" (all) or "bf16" (curves: Evaluation.audit
                       says what that changes)
        journal        folder that keeps each image's results as soon as they are there: the same call
                       resumes a run that was ended, and Evaluation.open reads what is done
        retry_failed   do the journal's images that failed once more
        gamma_conv, gamma_linear, gamma_qkv, gamma_proj, gamma_fc1, gamma_fc2, gamma_head, epsilon,
        attention_share of all methods that have them, attnlrp-eps and libra excepted
        score          "logit", "log-odds" or "contrast", of the methods that read it
        masks          "random" or "halves", of attnlrp-masked
        regions        N: squares of N x N patches are replaced together (1: patches one by one)
        units          "fc1" or "head": curves over hidden neurons or heads, at 15 set shares of
                       them, in the place of "patch"; those of block_count blocks (0: all) from
                       first_block on are one ranking. Methods: attnlrp, attnlrp-eps, cp-lrp, libra,
                       input-x-gradient (the reference), integrated-gradients (conductance),
                       activation, random
        each_block     1: curves over the units of each of these blocks too (Evaluation.within)
        single         N: correlation of the scores of N units of each image with what the logit loses
                       without each ("rho_single", "pearson_single"); 0: none
        concepts       folder of `vitlrp concepts`: with replace="mean", units that are off are at their
                       means there, and scores are counted from these
        samples        of the methods that read them; 0: their own
        coalitions     of an image, 1024 or more: rank correlation of every map with the drops of
                       single tokens ("rho_drop") and with Shapley values ("rho_shapley"); 0: none
        randomized     N: rank correlation of every map with that of a model of which N parts, from
                       the head down, are drawn anew ("rho_randomized"); 1000: all; 0: none
        sensitivity    N: the largest relative change of every map under N inputs with a little noise
                       ("max_sensitivity"); 0: none

        Any other setting that the library has is a keyword too (Evaluation.settings). Images that
        cannot be read are recorded, and the call still succeeds. Ctrl-C ends it within 0.2 seconds
        or one operation, and so does what progress raises.
        """
        chosen = evaluation.Wanted.of("evaluate", dataset, methods, options, self.preprocessing)
        return evaluation.run(self._in_use, chosen, progress)

    def tune(
        self,
        dataset: _check.StrPath,
        method: str = "attnlrp",
        *,
        progress: evaluation.Progress | None = None,
        **options: Unpack[TuneOptions],
    ) -> evaluation.Tuning:
        """Searches the gammas of a method that are the most faithful for this model.

        Every second image calibrates; the others, which the search does not see, measure the gain.
        The search begins at the method's gammas, or at those given. Other arguments as of
        evaluate, without what a search does not measure: reference, boxes, truth_masks, maps, shard,
        concepts, coalitions, randomized and sensitivity.

            tuned = model.tune("photos", limit=100)
            model.explain("cat.jpg", **tuned.rules)
        """
        chosen = evaluation.Wanted.of("tune", dataset, [method], options, self.preprocessing)
        return evaluation.tune(self._in_use, chosen, progress)


def prepare_threads(threads: int, backend: str = "auto") -> None:
    """Takes the memory that products in so many threads of yours need at the same time.

    For programs under a limit of the address space (ulimit -v) whose own threads explain with
    threads=1: call it once, before they begin. MemoryError if there is no room; without this call,
    OpenBLAS waits for ever where it finds none.
    """
    count = _check.whole("threads", threads, 1, _check.MOST_THREADS)
    call(lib.vitlrp_prepare_threads, _check.text("backend", backend), count)


def file_tensors(path: _check.StrPath) -> dict[str, Any]:
    """The tensors of a weights file, whether Model opens it or not: under "tensors" the name, shape,
    type and use of each, the "nearest" known layout, and the names that are "missing" from it."""
    options = new_record(_capi.ModelOptions, lib.vitlrp_model_options_init_sized)
    options.log = logger()
    data, size = ctypes.c_void_p(), ctypes.c_size_t()
    places = (ctypes.byref(options), ctypes.byref(data), ctypes.byref(size))
    call(lib.vitlrp_file_tensors, _check.path("path", path), *places)
    found: dict[str, Any] = json.loads(take_bytes(data, size.value))
    return found


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _class_of(found: _capi.Class) -> Class:
    return Class(found.output, found.index, _text(found.wnid), _text(found.label))


def _preprocessing(model: _capi.ModelPointer) -> _image.Preprocessing:
    record = _capi.Preprocess()
    lib.vitlrp_model_preprocess(model, ctypes.byref(record))
    return _image.Preprocessing._of(record)
