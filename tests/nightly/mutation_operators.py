"""Small faults in C sources, for mutations.py: finds functions, and everything in them that one of a fixed list of
operators can change.

Only code inside of function bodies is changed: no comment, string, preprocessor line or assertion, and nothing within
a call that makes the text of an error. Left out too is what tests/fault and the sanitizers show, and these programs
cannot: what happens without memory, sizes of allocations, and what releases something, calls and whole functions. The
sources are as clang-format leaves them, so operators of two operands have a space on each side, and `*` of a pointer
has not."""

import collections
import hashlib
import re

TOKEN = re.compile(r"""
    (?P<gap>\s+|/\*.*?\*/|//[^\n]*)
  | (?P<line>^[ \t]*\#(?:[^\n\\]|\\.)*)
  | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<number>\.?[0-9](?:[eEpP][+-]|[\w.])*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<mark>->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||\.\.\.|[-+*/%&|^]=|.)
""", re.VERBOSE | re.DOTALL | re.MULTILINE)

SWAPS = {
    "boundary": {"<": "<=", "<=": "<", ">": ">=", ">=": ">"},
    "comparison": {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="},
    "arithmetic": {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=",
                   "<<": ">>", ">>": "<<", "&": "|", "|": "&", "&=": "|=", "|=": "&="},
    "logic": {"&&": "||", "||": "&&"},
}
EXTREMES = {"fmin": "fmax", "fminf": "fmaxf", "size_min": "size_max"}
EXTREMES.update({value: key for key, value in EXTREMES.items()})
TRUTH = {"true": "false", "false": "true"}
KEYWORDS = {"return", "if", "else", "while", "for", "do", "switch", "case", "default", "break", "continue", "goto",
            "sizeof"}
TYPES = {"const", "struct", "enum", "union", "static", "unsigned", "signed", "char", "short", "int", "long", "float",
         "double", "void", "bool", "size_t", "register", "volatile", "_Bool", "typedef", "extern"}
UNTOUCHED_CALLS = {"fail", "fail_limit", "fail_errno", "error_prefix", "error_topic", "assert", "static_assert",
                   "_Static_assert", "sizeof", "mem_calloc", "mem_resize", "mem_alloc_aligned",
                   "arena_take", "arena_take_floats", "gemm_warm_up"}
RELEASES = re.compile(r"(^|_)(free|close|destroy|unlock|unmap|discard)(_\w+)?$")
NO_MEMORY = re.compile(r"\bVITLRP_NOMEM\b|\bENOMEM\b")
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="}

Token = collections.namedtuple("Token", "kind text begin end")


class Mutant:
    """One change of one function. `before` and `after` are the lines that it changes, without indentation."""

    def __init__(self, source, function, operator, span, text):
        begin, end = span
        self.path, self.function, self.operator = source.path, function.name, operator
        self.begin, self.end, self.text = begin, end, text
        self.line = source.text.count("\n", 0, begin) + 1
        first = source.text.rfind("\n", 0, begin) + 1
        last = source.text.find("\n", end)
        self.before = " ".join(source.text[first:last].split())
        self.after = " ".join((source.text[first:begin] + text + source.text[end:last]).split())
        place = f"{self.path} {self.function} {function.digest} {begin - function.begin} {end - begin}"
        self.key = hashlib.sha256(f"{place} {operator} {text}".encode()).hexdigest()[:20]

    def shown(self):
        return f"{self.path}:{self.line}: {self.function}, {self.operator}\n- {self.before}\n+ {self.after}\n"

    def applied(self, text):
        # As many lines as before: messages of the compiler and asserts keep their numbers.
        lost = text.count("\n", self.begin, self.end) - self.text.count("\n")
        return text[:self.begin] + self.text + "\n" * lost + text[self.end:]


class Function:
    def __init__(self, name, tokens, text):
        self.name, self.tokens = name, tokens
        self.begin, self.end = tokens[0].begin, tokens[-1].end
        self.digest = hashlib.sha256(text[self.begin:self.end].encode()).hexdigest()


class Source:
    def __init__(self, path, text):
        self.path, self.text = path, text
        self.functions = functions_of(text)

    def mutants(self, function):
        """Every change of a function, in the order of the operators."""
        return Mutator(self, function).all()


def tokens_of(text):
    found = []
    for match in TOKEN.finditer(text):
        if match.lastgroup not in ("gap", "line"):
            found.append(Token(match.lastgroup, match.group(), match.start(), match.end()))
    return found


def matching(tokens, start, step):
    """The place of the bracket that belongs to the one at `start`."""
    depth = 0
    place = start
    while 0 <= place < len(tokens):
        if tokens[place].kind == "mark":
            depth += (tokens[place].text in "([{") - (tokens[place].text in ")]}")
        if depth == 0:
            return place
        place += step
    raise ValueError(f"a bracket without another one at character {tokens[start].begin}")


def functions_of(text):
    tokens = tokens_of(text)
    found = []
    place = 0
    while place < len(tokens):
        if tokens[place].text == "{" and tokens[place].kind == "mark":
            end = matching(tokens, place, 1)
            if place > 0 and tokens[place - 1].text == ")":
                name = tokens[matching(tokens, place - 1, -1) - 1].text
                if not RELEASES.search(name):
                    found.append(Function(name, tokens[place:end + 1], text))
            place = end
        place += 1
    return found


class Mutator:
    def __init__(self, source, function):
        self.source, self.function, self.tokens = source, function, function.tokens
        self.untouched = [False] * len(self.tokens)
        self.declared = [False] * len(self.tokens)  # in a declaration, up to its "="
        self.statements = []  # (first, behind the semicolon)
        self.conditions = []  # (first, last parenthesis)
        self.found = {}

    def all(self):
        self.parse()
        self.leave_out()
        for place, token in enumerate(self.tokens):
            if not self.untouched[place]:
                self.change_token(place, token)
        for first, last in self.conditions:
            if not self.untouched[first]:
                self.add("condition", first, last, f"(!{self.text(first, last)})")
        for first, last in self.statements:
            if not self.untouched[first]:
                self.change_statement(first, last)
        return list(self.found.values())

    def text(self, first, last):
        return self.source.text[self.tokens[first].begin:self.tokens[last].end]

    def add(self, operator, first, last, text):
        span = self.tokens[first].begin, self.tokens[last].end
        if self.source.text[span[0]:span[1]] != text:
            self.found.setdefault((span, text), Mutant(self.source, self.function, operator, span, text))

    # ---- What stands where ----

    def parse(self):
        place = 1
        last = len(self.tokens) - 1
        while place < last:
            word = self.tokens[place].text
            if word in ("if", "while", "switch", "for"):
                end = matching(self.tokens, place + 1, 1)
                if word in ("if", "while") and self.tokens[place + 2].kind != "number":
                    self.conditions.append((place + 1, end))
                place = end + 1
            elif word in ("case", "default"):
                while self.tokens[place].text != ":":
                    self.untouched[place] = True
                    place += 1
                place += 1
            elif word in ("{", "}", ";", "else", "do"):
                place += 1
            elif self.tokens[place].kind == "name" and self.tokens[place + 1].text == ":":
                place += 2
            else:
                end = self.statement_end(place)
                self.statements.append((place, end))
                if self.is_declaration(place):
                    self.mark_declaration(place, end)
                place = end + 1

    def statement_end(self, place):
        while self.tokens[place].text != ";":
            if self.tokens[place].kind == "mark" and self.tokens[place].text in "([{":
                place = matching(self.tokens, place, 1)
            place += 1
        return place

    def is_declaration(self, place):
        first, second = self.tokens[place], self.tokens[place + 1]
        if first.text in TYPES:
            return True
        if first.kind != "name" or first.text in KEYWORDS:
            return False
        return second.kind == "name" or (second.text == "*" and not self.spaced(place + 1))

    def mark_declaration(self, first, last):
        place = first
        while place <= last:
            if self.tokens[place].text == "=":  # up to the next name that is declared
                while place <= last and self.tokens[place].text != ",":
                    if self.tokens[place].kind == "mark" and self.tokens[place].text in "([{":
                        place = matching(self.tokens, place, 1)
                    place += 1
            else:
                self.declared[place] = True
                place += 1

    def leave_out(self):
        for place, token in enumerate(self.tokens[:-1]):
            if token.text in UNTOUCHED_CALLS and self.tokens[place + 1].text == "(":
                self.leave(place, matching(self.tokens, place + 1, 1))
        for first, last in self.statements:
            if NO_MEMORY.search(self.text(first, last)):
                self.leave(first, last)
        for first, last in self.conditions:
            if self.tokens[last + 1].text == "{":
                end = matching(self.tokens, last + 1, 1)
                if NO_MEMORY.search(self.text(last + 1, end)) and self.text(last + 1, end).count(";") <= 2:
                    self.leave(first, end)

    def leave(self, first, last):
        self.untouched[first:last + 1] = [True] * (last + 1 - first)

    def spaced(self, place):
        """True for an operator of two operands."""
        token = self.tokens[place]
        around = self.source.text[token.begin - 1] + self.source.text[token.end]
        return around.isspace() and self.tokens[place - 1].text not in ("return", "=", "(", ",")

    # ---- Operators ----

    def change_token(self, place, token):
        if token.kind == "mark":
            if token.text in ("<", ">") or self.spaced(place):
                for operator, swaps in SWAPS.items():
                    if token.text in swaps:
                        self.add(operator, place, place, swaps[token.text])
            if token.text == "!":
                self.add("condition", place, place, "")
            if token.text == "[" and not self.declared[place]:
                self.change_index(place)
            if token.text == "?":
                self.change_choice(place)
        elif token.kind == "number":
            self.change_number(place, token)
        elif token.kind == "name":
            if token.text in EXTREMES and self.tokens[place + 1].text == "(":
                self.add("extreme", place, place, EXTREMES[token.text])
            if token.text in TRUTH:
                self.add("constant", place, place, TRUTH[token.text])

    def change_number(self, place, token):
        nothing = self.tokens[place - 1].text == "{" and self.tokens[place + 1].text == "}"  # {0}
        if self.declared[place] or nothing:
            return
        whole = re.fullmatch(r"(0|[1-9][0-9]*)([uUlL]*)", token.text)
        self.add("constant", place, place, f"{int(whole[1]) + 1}{whole[2]}" if whole else f"({token.text} + 1)")

    def change_index(self, place):
        before = self.tokens[place - 1]
        end = matching(self.tokens, place, 1)
        if end == place + 1 or (before.kind != "name" and before.text not in (")", "]")):
            return
        inside = self.text(place + 1, end - 1)
        if self.tokens[place + 1].kind == "number" and end == place + 2:
            return  # the operator of constants does it
        self.add("index", place + 1, end - 1, inside + " + 1" if end == place + 2 else f"({inside}) + 1")

    def change_choice(self, place):
        first = place - 1
        stops = ASSIGNMENTS | {"return", "(", ",", "[", "{", ";", "?", ":"}
        while self.tokens[first].text not in stops:
            if self.tokens[first].text in (")", "]"):
                first = matching(self.tokens, first, -1)
            first -= 1
        self.add("condition", first + 1, place - 1, f"!({self.text(first + 1, place - 1)})")

    def change_statement(self, first, last):
        words = [token.text for token in self.tokens[first:last + 1]]
        if words[0] == "return":
            if self.tokens[last + 1:][0] is not self.tokens[-1]:
                self.add("return", first, last, ";")
        elif words[0] in ("break", "continue"):
            self.add("statement", first, last, ";")
        elif words[0] == "TRY":
            self.add("try", first, last, f"(void) {self.text(first + 1, last)}")
            self.add("statement", first, last, ";")
        elif words[0] not in ("goto", "(") and not self.is_declaration(first):
            call = words[1] == "(" and RELEASES.search(words[0])
            if not call and ("(" in words or ASSIGNMENTS.intersection(words)):
                self.add("statement", first, last, ";")


def source_of(root, path):
    with open(f"{root}/{path}", encoding="utf-8") as file:
        return Source(path, file.read())
