#compdef sluicectl
# SPDX-License-Identifier: BSD-3-Clause

# zsh completion of sluicectl: what bash's would offer.

local -a found plain keys
local word
found=("${(@f)$(bash @completions@/sluicectl "${words[@]:0:$CURRENT}" 2>/dev/null)}")
for word in $found; do
	[[ $word == *= ]] && keys+=("$word") || plain+=("$word")
done
(( ${#keys} )) && compadd -S '' -a keys
(( ${#plain} )) && compadd -a plain
return 0
