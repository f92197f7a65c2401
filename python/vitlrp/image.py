"""Photographs and model inputs: what explain and preprocess accept, and how it becomes a tensor."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import stat
import warnings
from collections.abc import Sequence
from typing import Any, Union, cast

import numpy as np
import numpy.typing as npt

from . import _capi, _check
from ._handle import Handle
from ._library import call, lib, new_record, take_bytes, words
from .errors import FormatError, LimitError, UsageError, printable

# What stands for an image: a path, the bytes of a file or a file object, an array, a tensor of torch,
# or anything with PIL's convert().
ImageLike = Union[_check.StrPath, bytes, npt.NDArray[Any], Any]

# Several images.
ImagesLike = Union[Sequence[Any], npt.NDArray[Any]]

_NPY = b"\x93NUMPY"
_ARRAYS = (
    "an image array is a photograph, uint8 or float from 0 to 1, of shape (height, width, 3), with one "
    "or four channels or none, or uint8 of shape (3, height, width); or a model input, float of shape "
    "(3, height, width), or (1, height, width) for a model of one channel"
)
_MOST_SIDE = 16384  # of a model input
_COLOURS = (1, 3, 4)  # grey, red green blue, and these with an opacity, which is left out


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = map(_check.shortest, values)
    return red, green, blue


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes a model input: resize, centre crop, / 255, - mean, / std.

    Resizing is antialiased and equals Pillow's bit for bit. Change a model's own with
    `dataclasses.replace(model.preprocessing, interpolation="bicubic")` or `for_input`.
    """

    resize: str  # "short": the short side to resize_to; "squash": both sides; "none"; "cover"; "unknown"
    resize_to: int  # pixels
    interpolation: str  # "bilinear", "bicubic", "lanczos", "box", "hamming"
    crop_height: int  # pixels; 0: no crop
    crop_width: int
    mean: tuple[float, float, float]  # of red, green, blue, 0 to 1
    std: tuple[float, float, float]
    resize_width: int = 0  # of "squash" and "cover", where resize_to is the height; 0: the same
    crop_offset: str = "even"  # how the half of an odd number of pixels is rounded: "even", "floor"
    channels: int = 3  # of the model input; 1: grey, with the first mean and std
    unread_height: int = 0  # rows behind the crop that no patch reads, and that are centred with it
    unread_width: int = 0

    def for_input(self, side: int) -> Preprocessing:
        """The same for inputs of side x side pixels: the crop stays the same part of the image."""
        side = _check.whole("side", side, 1, _MOST_SIDE)
        old = self.crop_height + self.unread_height or self.resize_to
        resize_to = self.resize_to * side // old if old else self.resize_to
        old_width = self.crop_width + self.unread_width or self.resize_width
        width = self.resize_width * side // old_width if self.resize_width else 0
        return dataclasses.replace(
            self,
            resize_to=resize_to,
            resize_width=width,
            crop_height=side,
            crop_width=side,
            unread_height=0,
            unread_width=0,
        )

    def _record(self) -> _capi.Preprocess:
        record = _capi.Preprocess(
            resize=_check.choice("resize", self.resize, "resize"),
            resize_to=_check.whole("resize_to", self.resize_to, 0, _check.INT32_MAX),
            interpolation=_check.choice("interpolation", self.interpolation, "interpolation"),
            crop_height=_check.whole("crop_height", self.crop_height, 0, _check.INT32_MAX),
            crop_width=_check.whole("crop_width", self.crop_width, 0, _check.INT32_MAX),
            resize_width=_check.whole("resize_width", self.resize_width, 0, _check.INT32_MAX),
            crop_offset=_check.choice("crop_offset", self.crop_offset, "crop_offset"),
            unread_height=_check.whole("unread_height", self.unread_height, 0, _check.INT32_MAX),
            unread_width=_check.whole("unread_width", self.unread_width, 0, _check.INT32_MAX),
        )
        channels = _check.whole("channels", self.channels, 1, 3)
        if channels == 2:
            raise UsageError("channels must be 1 or 3, not 2")
        record.channels = 1 if channels == 1 else 0
        for name in ("mean", "std"):
            values = getattr(self, name)
            if not isinstance(values, (Sequence, np.ndarray)) or len(values) != 3:
                raise UsageError(f"{name} must be three numbers, not {_check.shown(values)}")
            limit = _check.FLOAT32_MAX
            setattr(record, name, tuple(_check.real(name, v, -limit, limit) for v in values))
        return record

    @classmethod
    def _of(cls, record: _capi.Preprocess) -> Preprocessing:
        return cls(
            words("resize")[record.resize],
            record.resize_to,
            words("interpolation")[record.interpolation],
            record.crop_height,
            record.crop_width,
            _triple(record.mean),
            _triple(record.std),
            record.resize_width,
            words("crop_offset")[record.crop_offset],
            1 if record.channels == 1 else 3,
            record.unread_height,
            record.unread_width,
        )


def record_of(preprocessing: Preprocessing) -> _capi.Preprocess:
    """For C."""
    if not isinstance(preprocessing, Preprocessing):
        raise UsageError(f"preprocessing must be a vitlrp.Preprocessing, not {_check.shown(preprocessing)}")
    return preprocessing._record()


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Where the model input lies on the photograph, in photograph pixels (fractions possible)."""

    image_width: int  # the upright photograph
    image_height: int
    input_width: int  # the model input
    input_height: int
    left: float  # the part of the photograph that the input shows
    top: float
    width: float
    height: float

    def _record(self) -> _capi.Geometry:
        most = _check.INT32_MAX
        record = _capi.Geometry()
        for field in ("image_width", "image_height", "input_width", "input_height"):
            setattr(record, field, _check.whole(field, getattr(self, field), 1, most))
        for field in ("left", "top", "width", "height"):
            limit = _check.FLOAT32_MAX
            setattr(record, field, _check.real(field, getattr(self, field), -limit, limit))
        return record

    @classmethod
    def _of(cls, record: _capi.Geometry) -> Geometry:
        return cls(*(getattr(record, field.name) for field in dataclasses.fields(cls)))


@dataclasses.dataclass(frozen=True, eq=False)
class Input:
    """A model input and the photograph that it shows."""

    values: _check.Floats  # float32 (channels, height, width), normalised
    photo: _check.Pixels | None  # uint8 (height, width, 3), upright, read-only; None: not kept
    geometry: Geometry
    is_prepared: bool = False  # it was given as an input, and the photograph is made from it


def handle_of(function: Any, *arguments: Any) -> Handle:
    """The image that a function of the library makes."""
    pointer = _capi.ImagePointer()
    call(function, *arguments, ctypes.byref(pointer))
    return Handle(pointer, lib.vitlrp_image_close)


def image_of_pixels(name: str, pixels: Any) -> Handle:
    """The library's image of a photograph, uint8 (height, width, 3)."""
    packed = _check.photograph(name, pixels)
    height, width, _ = packed.shape
    data = packed.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
    return handle_of(lib.vitlrp_image_from_rgb, data, height, width)


def pixels_of_image(image: Handle) -> _check.Pixels:
    """A copy of an image's pixels, uint8 (height, width, 3)."""
    info = _capi.ImageInfo()
    lib.vitlrp_image_describe(image.pointer, ctypes.byref(info))
    return np.ctypeslib.as_array(info.rgb, (info.height, info.width, 3)).copy()


def _warning_of(image: Handle) -> str | None:
    """What is wrong with a picture that was read nevertheless."""
    info = _capi.ImageInfo()
    lib.vitlrp_image_describe(image.pointer, ctypes.byref(info))
    return info.warning.decode() if info.warning else None


def _options(ignore_exif: bool, max_side: int = 0) -> Any:
    options = new_record(_capi.ImageOptions, lib.vitlrp_image_options_init_sized)
    options.ignore_exif = _check.flag("ignore_exif", ignore_exif)
    options.max_side = max_side
    return ctypes.byref(options)


def _is_npy(path: _check.StrPath) -> bool:
    """The content decides, as in the library; pipes and devices are not opened."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return file.read(len(_NPY)) == _NPY
    except (OSError, ValueError):  # ValueError: a name that is none
        return False


def _read_npy(path: _check.StrPath, channels: int) -> Handle | _check.Floats:
    try:
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise FormatError(f"{os.fspath(path)}: {error}") from None
    except MemoryError as error:
        raise LimitError(f"{os.fspath(path)}: {error}") from None
    try:
        return _of_array(array, channels)
    except UsageError as error:
        raise UsageError(f"{os.fspath(path)}: {error}") from None


def _array(image: Any) -> npt.NDArray[Any]:
    """What is no file, as an array."""
    convert = getattr(image, "convert", None)
    if callable(getattr(image, "detach", None)):  # a tensor, perhaps one that is trained
        image = image.detach().cpu()
        image = image.float() if "bfloat16" in str(image.dtype) else image
    try:
        return np.asarray(convert("RGB") if callable(convert) else image)
    except (ValueError, TypeError, OverflowError, RuntimeError) as error:
        raise UsageError(f"{_ARRAYS}; {_check.kind(image)} is no array: {error}") from None


def _colours(array: npt.NDArray[Any]) -> _check.Pixels:
    """A photograph of shape (height, width), or with one, three or four channels, as three."""
    deep = array[..., None] if array.ndim == 2 else array[..., :3]
    if deep.dtype.kind == "f":
        deep = np.rint(deep * 255.0).astype(np.uint8)
    return np.repeat(deep, 3, axis=2) if deep.shape[2] == 1 else deep


def _of_array(array: npt.NDArray[Any], channels: int) -> Handle | _check.Floats:
    """The photograph or the model input that an array is."""
    wrong = UsageError(f"{_ARRAYS}; this one is {array.dtype} of shape {array.shape}")
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 4:
        raise UsageError(f"explain_batch takes several images; this is {array.dtype} of shape {array.shape}")
    is_deep = array.ndim == 3
    if array.dtype.kind == "f" and is_deep and array.shape[0] == channels:
        for side in array.shape[1:]:  # before it is read: a view of few bytes may have any shape
            _check.whole("a side of a model input", side, 0, _MOST_SIDE)
        return array
    if array.dtype == np.uint8 and is_deep and array.shape[2] not in _COLOURS and array.shape[0] in _COLOURS:
        array = np.moveaxis(array, 0, 2)
    if array.dtype.kind not in "uf" or (array.dtype.kind == "u" and array.dtype != np.uint8):
        raise wrong
    if array.ndim not in (2, 3) or (is_deep and array.shape[2] not in _COLOURS) or array.size == 0:
        raise wrong
    if array.dtype.kind == "f" and not (array.min() >= 0.0 and array.max() <= 1.0):
        raise UsageError(
            f"a photograph of floats has values from 0 to 1, this one from {array.min():g} to {array.max():g} "
            f"(shape {array.shape})"
        )
    return image_of_pixels("image", _colours(array))


def contents(image: ImageLike) -> ImageLike:
    """A file object's bytes; everything else as it is."""
    if not callable(getattr(image, "read", None)) or callable(getattr(image, "convert", None)):
        return image
    data = cast(Any, image).read()
    if not isinstance(data, bytes):
        raise UsageError(f"a photograph's file must be opened as binary: it gives {_check.kind(data)}")
    return data


def _resolve(image: ImageLike, channels: int, ignore_exif: bool) -> Handle | _check.Floats:
    """The library's image of a photograph, or an array that is a model input."""
    if isinstance(image, (str, os.PathLike)):
        path = _check.path("image", image)
        if _is_npy(image):
            return _read_npy(image, channels)
        return handle_of(lib.vitlrp_image_open, path, _options(ignore_exif))
    image = contents(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        data = bytes(image)
        return handle_of(lib.vitlrp_image_open_memory, data, len(data), _options(ignore_exif))
    return _of_array(_array(image), channels)


def _from_photo(image: Handle, preprocess: _capi.Preprocess) -> Input:
    photo = pixels_of_image(image)
    height, width, _ = photo.shape
    channels = 1 if preprocess.channels == 1 else 3
    geometry = _capi.Geometry()
    call(
        lib.vitlrp_preprocess_plan,
        ctypes.byref(preprocess),
        width,
        height,
        ctypes.byref(geometry),
    )
    values = np.empty((channels, geometry.input_height, geometry.input_width), np.float32)
    call(
        lib.vitlrp_preprocess_apply,
        ctypes.byref(preprocess),
        image.pointer,
        _check.floats(values),
    )
    photo.flags.writeable = False
    return Input(values, photo, Geometry._of(geometry))


def _open_prepared(
    image: ImageLike, preprocess: _capi.Preprocess, ignore_exif: bool
) -> tuple[Input, str | None]:
    """The input of a photograph's file or bytes, of which no pixels are kept, and its warning.

    The library reads a large one row by row.
    """
    prepared = _capi.Prepared()
    options = _options(ignore_exif, max_side=1)
    record, out = ctypes.byref(preprocess), ctypes.byref(prepared)
    if isinstance(image, (str, os.PathLike)):
        path = _check.path("image", image)
        call(lib.vitlrp_image_open_prepared_file, path, options, record, None, out)
    else:
        data = bytes(image)
        call(lib.vitlrp_image_open_prepared, data, len(data), options, record, out)
    with contextlib.closing(Handle(prepared.image, lib.vitlrp_image_close)) as small:
        geometry = Geometry._of(prepared.geometry)
        shape = preprocess.channels or 3, geometry.input_height, geometry.input_width
        data = take_bytes(prepared.input, 4 * shape[0] * shape[1] * shape[2])
        values = np.frombuffer(bytearray(data), np.float32).reshape(shape)
        return Input(values, None, geometry), _warning_of(small)


def _from_values(array: _check.Floats, preprocess: _capi.Preprocess) -> Input:
    values = np.ascontiguousarray(array, np.float32)
    _, height, width = values.shape
    data = _check.floats(values)
    shown = handle_of(lib.vitlrp_image_from_input, data, height, width, ctypes.byref(preprocess))
    photo = pixels_of_image(shown)
    photo.flags.writeable = False
    shown.close()
    geometry = Geometry(width, height, width, height, 0.0, 0.0, width, height)
    return Input(values, photo, geometry, is_prepared=True)


def _warn_of_range(values: _check.Floats, level: int) -> None:
    """Of an input that looks like a photograph that was only divided by 255."""
    if values.size > 0 and values.min() >= 0.0 and values.max() <= 1.0 and values.max() > values.min():
        message = (
            "all values of the model input lie from 0 to 1: an input is normalised (mean, std). Give a "
            "photograph as (height, width, 3), and the model prepares it"
        )
        warnings.warn(message, stacklevel=level)


def read_photo(image: ImageLike) -> _check.Pixels:
    """A photograph's pixels; UsageError for a model input."""
    found = _resolve(image, 0, ignore_exif=False)
    if not isinstance(found, Handle):  # an empty array: no input has 0 channels
        raise UsageError(f"{_ARRAYS}; this one is of shape {found.shape}")
    try:
        return pixels_of_image(found)
    finally:
        found.close()


def check_size(source: Input, size: tuple[int, int], own: Preprocessing, resample: bool) -> None:
    """UsageError for a prepared input of neither the model's size nor that of its preprocessing."""
    height, width = source.values.shape[1:]
    if not source.is_prepared or resample or (height, width) in (size, (own.crop_height, own.crop_width)):
        return
    raise UsageError(
        f"the model input has {width} x {height} pixels, the model {size[1]} x {size[0]}: give resample=True if "
        "its positions are to be resampled, or the photograph"
    )


def listed(images: Any) -> list[Any]:
    """Several images: an array or a tensor of four dimensions, or a sequence of images."""
    if getattr(images, "ndim", 0) == 4 or (
        isinstance(images, Sequence) and not isinstance(images, (str, bytes, bytearray, memoryview))
    ):
        return list(images)
    raise UsageError(
        f"images must be a list of images or an array (count, 3, height, width), not {_check.kind(images)}"
    )


def _is_file(image: ImageLike) -> bool:
    """A photograph's file, or its bytes."""
    if isinstance(image, (str, os.PathLike)):
        return not _is_npy(image)
    return isinstance(image, (bytes, bytearray, memoryview))


def _warn(image: ImageLike, warning: str | None, level: int) -> None:
    if warning is not None:
        name = f"{os.fspath(image)}: " if isinstance(image, (str, os.PathLike)) else ""
        warnings.warn(printable(f"{name}{warning}"), stacklevel=level + 1)


def read_noted(
    path: _check.StrPath, preprocessing: Preprocessing, ignore_exif: bool
) -> tuple[Input, str | None]:
    """A file as a model input, without its photograph, and what is wrong with the picture."""
    if _is_file(path):
        return _open_prepared(path, record_of(preprocessing), ignore_exif)
    return read(path, preprocessing, ignore_exif, keep_photo=False), None


def read(
    image: ImageLike,
    preprocessing: Preprocessing,
    ignore_exif: bool,
    keep_photo: bool = True,
    level: int = 3,
) -> Input:
    """Whatever stands for an image, as a model input, with its photograph if that is kept.

    Warns, in the name of the caller that is `level` frames up, of a picture with which something is
    wrong.
    """
    preprocess = record_of(preprocessing)
    image = contents(image)
    if not keep_photo and _is_file(image):
        source, warning = _open_prepared(image, preprocess, ignore_exif)
        _warn(image, warning, level)
        return source
    found = _resolve(image, preprocessing.channels, ignore_exif)
    if isinstance(found, np.ndarray):
        _warn_of_range(found, level + 1)
        return _from_values(found, preprocess)
    try:
        _warn(image, _warning_of(found), level)
        return _from_photo(found, preprocess)
    finally:
        found.close()
