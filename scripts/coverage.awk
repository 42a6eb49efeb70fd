# Mean coverage (share of all pixels) of each class over the volumes of coverage.csv, as a Markdown table.
BEGIN { FS = "," }
NR == 1 { for (i = 3; i <= NF; i++) name[i] = $i; columns = NF; next }
{ volumes++; for (i = 3; i <= NF; i++) sum[i] += $i }
END {
  print "| class | mean share of the image that its scribble covers |"
  print "| --- | --- |"
  for (i = 3; i <= columns; i++) { sub(/ \(%\)/, "", name[i]); printf "| %s | %.1f %% |\n", name[i], sum[i] / volumes }
  printf "\nOver %d volumes.\n", volumes
}
