#!/usr/bin/env bash
# The tables of docs/BENCHMARKS.md: table.sh tiny|real PROGRAM DATASET FOLDER [MODEL]
#   DATASET  has val/, a folder for each class, and boxes.csv: 2,000 of Tiny-ImageNet's validation images
#   FOLDER   gets part-K.json, the record of each part of the images, and at the end table.json, table.csv, table.html;
#            it may have parts as part-K.json.xz (docs/tables)
#   MODEL    of real: the folder of a DINOv2 ViT-S/14 with a head for the classes of the data set
# It takes hours. A part that is there is not measured again, and one that was ended goes on from its journal: the same
# command resumes, on another machine too where its processor is of the same kind.
set -euo pipefail

[ $# -ge 4 ] || { sed -n '2,9s/^# //p' "$0" >&2; exit 2; }
table=$1
program=$(realpath "$2")
mkdir -p "$4"
folder=$(realpath "$4")
model=${5:+$(realpath "$5")}
cd "$3"

replacements=zero,black,mean,blur,noise,road,donor
methods=attnlrp,cp-lrp,attnlrp-eps,libra,attnlrp-rollout,attnlrp-masked,rollout,raw-attention,grad-rollout,chefer
methods+=,libra-chefer,daam,attn-gradcam,gradcam,legrad,input-x-gradient,integrated-gradients,smoothgrad,random,centre
parts=20
case $table in
tiny) options=(--limit 200 --methods "$methods,attnlrp-drop,occlusion,token-drop,rise") ;;
real) options=(--limit 100 --methods "$methods" --model "$model" --precision bf16) ;; # all but the slowest
*)
    echo "table.sh: tiny or real, not $table" >&2
    exit 2
    ;;
esac
options+=(--steps 14 --replace "$replacements" --boxes boxes.csv --reference attnlrp)

for ((part = 0; part < parts; part++)); do
    record=$folder/part-$part.json
    unfinished=$folder/unfinished-$part.json # a run that is stopped writes what it has
    [ -e "$record" ] || [ ! -e "$record.xz" ] || xz -dk "$record.xz"
    [ -e "$record" ] || {
        "$program" eval val "${options[@]}" --shard "$part/$parts" --json "$unfinished" >"$folder/last.txt"
        mv "$unfinished" "$record"
    }
done
"$program" merge "$folder"/part-*.json --reference attnlrp -o "$folder/table.json" --csv "$folder/table.csv" \
    --html "$folder/table.html"
