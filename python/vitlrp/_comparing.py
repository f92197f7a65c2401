"""What a model can do whose image tower is compared with texts, or with other images."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from . import _capi, _check, _words
from . import image as _image
from ._explain import Request
from ._info import Fact, list_facts
from ._library import call, lib
from ._part import Part
from ._watching import Progress
from .errors import UsageError

if TYPE_CHECKING:
    from ._options import ClassLike
    from .model import Model
    from .text import Cosines, Words


class Comparing(Part):
    """What a model can do with texts, and with other images."""

    def like(
        self,
        images: Sequence[_image.ImageLike],
        *,
        preprocessing: _image.Preprocessing | None = None,
        ignore_exif: bool = False,
        resample: bool = False,
        passes: int = 1,
    ) -> Model:
        """A model whose only output is how alike an image is to these: the cosine of its feature and
        the mean of theirs, each scaled to length 1.

        For a model without a head of classes (info.outputs); UsageError otherwise. The new model
        shares the weights of this one, and is closed apart from it. Arguments as of explain.
        """
        listed = _image.listed(images)
        if not listed:
            raise UsageError("images must be a list of at least one image")
        request = Request(preprocessing=preprocessing, ignore_exif=ignore_exif, resample=resample)
        inputs = [self._input(one, request, False, 4).values for one in listed]
        features = np.stack([self._forward(values) for values in inputs])
        pointer = _capi.ModelPointer()
        with self._in_use() as model:
            found = _check.floats(features)
            call(lib.vitlrp_model_like, model, found, len(inputs), ctypes.byref(pointer))
        return self._made(pointer, passes)

    def with_embeddings(
        self, rows: _check.Floats, names: Sequence[str] | None = None, *, passes: int = 1
    ) -> Model:
        """A model whose classes are texts, given by their embeddings: CLIP's or SigLIP's zero-shot
        classifier.

        rows   (texts, info.embed_dim), of any length but 0, of the text tower that was trained with
               this image tower
        names  of the texts, for target, versus and results
        passes as of the constructor

        Logits are info.logit_scale times the cosines, plus info.logit_bias; a scale that nothing
        states (0) becomes 100, and facts={"logit_scale": 60} of the constructor states one. The new
        model shares the weights of this one, and is closed apart from it.
        """
        given = _words.Texts(rows, names, self.info.embed_dim)
        with self._in_use() as model:
            pointer = given.bind(model)
        return self._made(pointer, passes)

    def with_texts(
        self,
        texts: Sequence[str],
        names: Sequence[str] | None = None,
        *,
        templates: str | Sequence[str] | None = None,
        contrast: str | None = None,
        tokenizer: _check.StrPath | None = None,
        cleaning: str = "auto",
        heads: int | None = None,
        activation: str = "stated",
        norm_eps: float | None = None,
        tower: str = "stated",
        threads: int | None = None,
        keep_tower: bool = False,
        journal: _check.StrPath | None = None,
        progress: Progress | None = None,
        passes: int = 1,
    ) -> Model:
        """A model whose classes are texts, which the text tower of this model reads: CLIP's or
        SigLIP's zero-shot classifier.

            clip = vitlrp.Model("clip-vit-base-patch16")
            model = clip.with_texts(["a red bus", "a yellow taxi", "a street"])
            model.explain("street.jpg", "a red bus").save("bus.png")

        texts      of one or more; a text that is longer than the model's context is cut, which the
                   logger "vitlrp" says
        names      of the classes, one for each text: texts of one name are one class, the mean of
                   their unit vectors. None: the texts
        templates  that each text is put into, in the place of {}, to be averaged over: "imagenet80",
                   "imagenet7", or a list as ["a photo of a {}.", "art of a {}."]
        contrast   a text that becomes the last class, in no template and never the likeliest, for
                   explain(..., versus=contrast); "" is called "the empty prompt"
        tokenizer  file or folder of the vocabulary; None: what lies beside the weights, else CLIP's
        cleaning   what is done to a text first: "auto", as the model's library does, "full", "nfc",
                   "none", "canonical", "siglip" or "lower"
        heads, activation, norm_eps
                   of the text tower, where the model's files do not state them; a guess is said by
                   the logger, and text_facts of the new model has it
        tower      how it reads a text, likewise: "clip" (each token sees those before it, the one
                   that ends the text is read) or "siglip" (each sees all, the last one is read)
        threads    None: one per available processor
        keep_tower the new model keeps the text tower in memory, for words and with_words, which
                   open it again otherwise
        journal    file that keeps the row of each class as soon as it is done: the same call goes on
                   after one that was ended, with the same bits. It stays
        progress   called with (done, total) texts. What it raises ends the call, and so does Ctrl-C
        passes     as of the constructor

        The text tower is opened for the call. The new model shares the weights of this one, and is
        closed apart from it.
        """
        given = _words.Prompts(texts, names)
        options = _words.text_options(
            tokenizer, cleaning, heads, activation, norm_eps, tower, threads, keep_tower
        )
        kept = _words.set_templates(options, templates)
        if contrast is not None:
            options.contrast = _check.text("contrast", contrast)
        if journal is not None:
            options.journal = _check.path("journal", journal)
        with self._in_use() as model:
            pointer = given.bind(model, options, progress)
        del kept
        return self._read(pointer, passes, hidden=int(contrast is not None))

    def with_token_ids(
        self,
        ids: npt.ArrayLike,
        names: Sequence[str] | None = None,
        *,
        heads: int | None = None,
        activation: str = "stated",
        norm_eps: float | None = None,
        tower: str = "stated",
        threads: int | None = None,
        progress: Progress | None = None,
        passes: int = 1,
    ) -> Model:
        """As with_texts, of texts that another tokenizer has read, for vocabularies that are not read
        here.

        ids    (texts, tokens), or a list of lists, with the tokens that begin and end a text; -1
               fills a row behind them. A SigLIP's have all its positions, padding included
        names  of the classes, one for each text

        MismatchError for a text without its end, and for an id that the model has not.
        """
        given = _words.TokenIds(ids, names)
        options = _words.text_options(
            None, "auto", heads, activation, norm_eps, tower, threads
        )
        with self._in_use() as model:
            pointer = given.bind(model, options, progress)
        return self._read(pointer, passes)

    def text_embeddings(self) -> _check.Floats:
        """The rows (classes, info.embed_dim) of a model's texts, for with_embeddings: of length 1 if
        the text tower has made them, else as they were given. UsageError for another model."""
        with self._in_use() as model:
            return _words.embeddings(model, self.info.classes, self.info.embed_dim)

    def cosines(
        self,
        image: _image.ImageLike,
        *,
        preprocessing: _image.Preprocessing | None = None,
        ignore_exif: bool = False,
        resample: bool = False,
    ) -> Cosines:
        """Of an image and each text of a model of texts, and of the image and a text without words:
        any image fits any text a little. Arguments as of explain."""
        request = Request(preprocessing=preprocessing, ignore_exif=ignore_exif, resample=resample)
        embedding = self._compared(image, request)[1]
        with self._in_use() as model:
            return _words.cosines(model, embedding, self.info.classes)

    @property
    def text_facts(self) -> tuple[Fact, ...]:
        """Like facts, of the text tower that has read the texts of the model; else none."""
        with self._in_use() as model:
            return list_facts(model, of_texts=True)

    def _read(self, pointer: _capi.ModelPointer, passes: int, hidden: int = 0) -> Model:
        """A model of texts that the text tower has read."""
        made = self._made(pointer, passes, hidden)
        _words.tell_guesses(made.text_facts)
        return made

    def words(
        self,
        image: _image.ImageLike,
        target: ClassLike | None = None,
        *,
        attention: str = "attnlrp",
        preprocessing: _image.Preprocessing | None = None,
        ignore_exif: bool = False,
        resample: bool = False,
        threads: int | None = None,
    ) -> Words:
        """What each word of a text holds of its logit, for a model of with_texts: AttnLRP through the
        text tower, with every gamma 0.

        image      as of explain
        target     the text; None: the likeliest for the image
        attention  "attnlrp" or "cp", which is CP-LRP

        Words and what is absorbed add up to the logit without its bias. UsageError for a text that
        is not there any more, one of with_embeddings, and for the mean of several.
        """
        rules = _words.rules_of(attention)
        request = Request(preprocessing=preprocessing, ignore_exif=ignore_exif, resample=resample)
        logits, embedding = self._compared(image, request)
        shown = logits[: len(logits) - self._hidden]
        output = int(np.argmax(shown)) if target is None else self.find_class(target).output
        options = _words.text_options(threads=threads)
        with self._in_use() as model:
            return _words.explain(model, output, options, rules, embedding)

    def with_words(self, target: ClassLike = 0, *, attention: str = "attnlrp", passes: int = 1) -> Model:
        """A model whose outputs are the words of one text of with_texts, and "[rest]", what no token
        carries: an output is what `words` finds for the word, and explain makes its map.

            words = model.with_words("a red bus")
            words.explain("street.jpg", "red", gamma_head=0).save("red.png")

        With gamma_head=0 and without an epsilon the maps of all outputs add up to the map of the
        text. A word that occurs twice is "the#1" and "the#2".
        """
        rules = _words.rules_of(attention)
        output = self.find_class(target).output
        pointer = _capi.ModelPointer()
        options = _words.text_options()
        with self._in_use() as model:
            what = (model, output, ctypes.byref(options), ctypes.byref(rules))
            call(lib.vitlrp_model_with_words, *what, ctypes.byref(pointer))
        return self._made(pointer, passes)

    def embedding(
        self,
        image: _image.ImageLike,
        *,
        preprocessing: _image.Preprocessing | None = None,
        ignore_exif: bool = False,
        resample: bool = False,
    ) -> _check.Floats:
        """The image's embedding (info.embed_dim) as it leaves the model, of any length: what is
        compared with texts. Arguments as of explain."""
        request = Request(preprocessing=preprocessing, ignore_exif=ignore_exif, resample=resample)
        return self._compared(image, request)[1]

    def _compared(self, image: _image.ImageLike, request: Request) -> tuple[_check.Floats, _check.Floats]:
        """Logits and embedding of an image. For the methods that users call: warnings name their caller."""
        values = self._input(image, request, False, 5).values
        _, height, width = values.shape
        logits = np.empty(self.info.classes, np.float32)
        found = np.empty(self.info.embed_dim, np.float32)
        settings = self._session_settings(Request(), (height, width), "attnlrp", False)
        with self._in_use(), self._sessions.session(settings) as session:
            call(lib.vitlrp_session_forward, session, _check.floats(values), _check.floats(logits))
            call(lib.vitlrp_session_embedding, session, _check.floats(found))
        return logits, found
