package house

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// foreign matches what has no meaning outside the machine or the tool that wrote
// it: paths of a machine, numbers of issues, hosts of module registries. The
// patterns are put together so that this file does not match.
var foreign = []*regexp.Regexp{
	regexp.MustCompile(`(?:^|[^\w.\-/])(/wo` + `rk\b|/tmp/ba` + `sh|/ro` + `ot/go\b)`),
	regexp.MustCompile(`(?i)\b(issue` + `s? #)`),
	regexp.MustCompile(`\b((?:proxy|sum|index)\.gola` + `ng\.org|goproxy\.(?:io|cn)|registry\.npm` + `js\.org)\b`),
}

// checkWords finds foreign words in committed text, given by path.
func checkWords(texts map[string]string) []finding {
	var found []finding
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		number := 0
		for line := range strings.Lines(texts[path]) {
			number++
			for _, word := range foreignIn(line) {
				found = append(found, finding{where: fmt.Sprintf("%s:%d", path, number),
					what: fmt.Sprintf("%q means nothing to a reader elsewhere", word)})
			}
		}
	}
	return found
}

func foreignIn(line string) []string {
	var words []string
	for _, pattern := range foreign {
		if hit := pattern.FindStringSubmatch(line); hit != nil {
			words = append(words, hit[1])
		}
	}
	return words
}

// committedTexts reads every text file that git tracks below root. A file with a
// zero byte in its first 8,000 is binary, as for git.
func committedTexts(root string) (map[string]string, error) {
	list := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the committed files: %w", err)
	}
	texts := map[string]string{}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // deleted, and the deletion is not committed yet
		}
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(content[:min(len(content), 8000)], []byte{0}) {
			texts[name] = string(content)
		}
	}
	return texts, nil
}
