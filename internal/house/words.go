package house

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// foreign matches what has no meaning outside the machine or the tool that wrote it: paths of a
// machine, numbers of issues, hosts of module registries. The patterns are concatenated so that
// this file does not match.
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

// committedTexts reads every text file that git tracks below root, or every one that
// is there when git tracks none: in a tree that was downloaded without its history. A
// file with a zero byte in its first 8,000 is binary, as for git.
func committedTexts(root string) (map[string]string, error) {
	names := tracked(root)
	if len(names) == 0 {
		var err error
		if names, err = present(root); err != nil {
			return nil, fmt.Errorf("list the files: %w", err)
		}
	}
	texts := map[string]string{}
	for _, name := range names {
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

// tracked returns the paths that git tracks below root; none where there is no git,
// or no repository.
func tracked(root string) []string {
	list := exec.Command("git", "-c", "safe.directory=*", "ls-files", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil || len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// present returns the paths of all files below root but those in .git.
func present(root string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == ".git" && entry.IsDir():
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		rel, err := filepath.Rel(root, name)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	return names, err
}
