# Runs commands one after another, so that each check costs one round trip and no session of its own.
#
# stdin:  the mark; then for each command one line `SECONDS LINES`, and that many lines of shell.
# stdout: what the command writes, then
#           <newline> MARK STATUS <newline> what it wrote to stderr <newline> MARK <newline>
# A command reads nothing, and is ended after SECONDS (status 124).
set -u
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
newline='
'
IFS= read -r mark || exit 0
exec 3>&1
while read -r seconds lines; do
  command=
  while [ "$lines" -gt 0 ]; do
    IFS= read -r line || exit 0
    command=$command$line$newline
    lines=$((lines - 1))
  done
  # stdout goes straight out by descriptor 3; stderr is caught, with the status after its last space.
  errors=$(timeout -k 5 "$seconds" sh -c "$command" </dev/null 2>&1 >&3 3>&-; printf ' %s' "$?")
  printf '\n%s %s\n%s\n%s\n' "$mark" "${errors##* }" "${errors% *}" "$mark"
done
