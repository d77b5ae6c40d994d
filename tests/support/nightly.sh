#!/bin/sh
# Lives by docs/cron.md alone, as a person's own script would: sh nightly.sh LIBRARIAN FOLDER
# FOLDER holds books that can be read, and is written to. Prints what is not as promised, and ends with 1 then.
set -u
librarian=$1 folder=$2
notes=$(mktemp -d)
trap 'rm -rf "$notes"' EXIT

complain() {
    printf 'not as promised: %s\n' "$1" >&2
    cat "$notes/out" "$notes/err" >&2
    exit 1
}

# run CODE LINES COMMAND...: it ends with CODE and says so many lines on standard error, and nothing else.
run() {
    code=$1 lines=$2
    shift 2
    "$librarian" -q "$@" >"$notes/out" 2>"$notes/err" </dev/null
    found=$?
    [ "$found" -eq "$code" ] || complain "$* ended with $found, not $code"
    [ ! -s "$notes/out" ] || complain "$* printed a result"
    [ "$(wc -l <"$notes/err")" -eq "$lines" ] || complain "$* said more or less than $lines lines"
}

# All is well, and again, and when there is nothing to do.
run 0 0 ingest "$folder"
run 0 0 ingest "$folder"
find "$folder" -type f -name 'no such book' -print0 | "$librarian" -q ingest -0 - >"$notes/out" 2>"$notes/err"
[ $? -eq 0 ] && [ ! -s "$notes/err" ] || complain "an empty list is no reason to speak"

# A failure is one line, told once; --strict remembers.
printf '%%PDF-1.4\nnothing more' >"$folder/broken.pdf"
run 3 1 ingest "$folder"
grep -q "^failed  .*broken.pdf: corrupt.*; get a fresh copy" "$notes/err" || complain "a failure has file, reason and next step"
run 0 0 ingest "$folder"
run 3 0 ingest --strict "$folder"
"$librarian" files --outcome failed | grep -q broken.pdf || complain "files lists what stands as failed"
rm "$folder/broken.pdf"

# However often the time is up, the work is done in the end.
number=0
while [ "$number" -lt 60 ]; do
    number=$((number + 1))
    seq "$number" $((number + 500)) |
        sed 's/.*/On day & the tide rose twice, and the cat of the harbour slept on the wall./' >"$folder/log$number.txt"
done
number=0
while run 0 0 ingest --max-runtime 1s "$folder" && "$librarian" files --outcome waiting | grep -q .; do
    number=$((number + 1))
    [ "$number" -lt 60 ] || complain "the work is never done"
done

# Runs that meet share the work.
for number in 1 2 3; do
    "$librarian" -q ingest --lock-wait 60 --force "$folder" >"$notes/out$number" 2>&1 </dev/null &
    eval "run$number=$!"
done
# shellcheck disable=SC2154  # run1 to run3 are set above
for process in "$run1" "$run2" "$run3"; do
    wait "$process" || complain "a run beside another ended with $?"
done
cat "$notes"/out[123] >"$notes/out"
[ ! -s "$notes/out" ] || complain "a run beside another spoke"

# The library is whole, and the ledger knows of all this.
"$librarian" -q check --read-data >/dev/null 2>"$notes/err" || complain "the library is not whole"
"$librarian" runs -n 100 >"$notes/out" || complain "runs failed"
grep -q ' done  *3 ' "$notes/out" || complain "the run that failed is in the ledger"
grep -Eq 'running|died' "$notes/out" && complain "no run died"
exit 0
