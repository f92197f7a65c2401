"""What a shell offers for a command line with the cursor at its end, by its completion for vitlrp.
Each class drives the shell itself, in the folder `work`, with its own files in `home`."""

import os
import pty
import select
import shlex
import subprocess
import sys

# A shell that says nothing for so long hangs: a guard, no measurement.
PATIENCE = 120


class Bash:
    """Calls the completion's function as bash does; what it leaves to readline is not seen."""
    name = "bash"
    completes_files = False
    script = r"""
compopt() { :; }
source "$1"
while IFS= read -r count; do
    COMP_WORDS=()
    for ((i = 0; i < count; i++)); do
        IFS= read -r word
        COMP_WORDS+=("$word")
    done
    COMP_CWORD=$((count - 1))
    _vitlrp
    printf '%s\n' "${COMPREPLY[@]}" =
done
"""

    def __init__(self, page, work, home):
        self.process = subprocess.Popen(
            ["bash", "--norc", "-c", self.script, "bash", page], cwd=work, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def completions(self, line):
        # As readline does it, "=" is a word of its own.
        words = [part for word in line.split(" ") for part in split_at_equals(word)]
        self.process.stdin.write("\n".join([str(len(words)), *words]) + "\n")
        self.process.stdin.flush()
        return set(iter(lambda: self.process.stdout.readline().rstrip("\n"), "=")) - {""}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def split_at_equals(word):
    name, equals, value = word.partition("=")
    if not equals:
        return [word]
    return [name, equals] + ([value] if value else [])


class Fish:
    name = "fish"
    completes_files = True
    script = r"""
source $argv[1]
while read -l line
    complete -C $line
    echo =
end
"""

    def __init__(self, page, work, home):
        self.process = subprocess.Popen(
            ["fish", "--no-config", "--private", "-c", self.script, page], cwd=work, text=True,
            env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def completions(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        lines = iter(lambda: self.process.stdout.readline().rstrip("\n"), "=")
        return {line.split("\t")[0] for line in lines}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Zsh:
    """A zsh on a terminal of its own; its compadd tells what was offered before it offers it."""
    name = "zsh"
    completes_files = True
    script = r"""
PROMPT= PROMPT2= RPS1=
fpath=(%(folder)s $fpath)
autoload -Uz compinit && compinit -D -u
zstyle ':completion:*' completer _complete
compadd() {
    local -a matches
    # With -O, -A or -D it fills arrays and offers nothing.
    if (( ${@[(I)-[OAD]*]} )); then
        builtin compadd "$@"
        return
    fi
    builtin compadd -A matches "$@"
    (( $#matches )) && print -rl -- "= "$^matches >&$answers
    builtin compadd "$@"
}
tell() {
    _main_complete
    print -r -- 'end of answer' >&$answers
    compstate[insert]= compstate[list]=
}
zle -C tell complete-word tell
bindkey '^T' tell
exec {answers}>%(answers)s
print -r -- 'end of answer' >&$answers
"""

    def __init__(self, page, work, home):
        answers = os.path.join(home, "answers")
        os.mkfifo(answers)
        settings = os.path.join(home, "settings.zsh")
        with open(settings, "w", encoding="utf-8") as file:
            file.write(self.script % {"folder": shlex.quote(os.path.dirname(page)),
                                      "answers": shlex.quote(answers)})
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(work)
            os.environ["TERM"] = "dumb"
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.descriptor = os.open(answers, os.O_RDWR | os.O_NONBLOCK)
        self.buffer = self.shown = ""
        self.type(f"source {shlex.quote(settings)}\n")
        self.read()

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read(self):
        """The next answer. What appears on the terminal is read too, so that zsh never waits."""
        marker = "end of answer\n"
        while marker not in self.buffer:
            ready = select.select([self.descriptor, self.terminal], [], [], PATIENCE)[0]
            if not ready:
                sys.exit(f"zsh does not answer; on its terminal: {self.shown!r}")
            if self.terminal in ready:
                self.shown = (self.shown + os.read(self.terminal, 65536).decode())[-2000:]
            if self.descriptor in ready:
                self.buffer += os.read(self.descriptor, 65536).decode()
        answer, self.buffer = self.buffer.split(marker, 1)
        return answer

    def completions(self, line):
        self.type(line + "\x14")
        answer = self.read()
        self.type("\x15")
        return {word[2:] for word in answer.splitlines()}

    def close(self):
        self.type("exit\n")
        os.close(self.terminal)
        os.waitpid(self.child, 0)
        os.close(self.descriptor)
