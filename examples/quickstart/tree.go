package main

import "context"

// showTree draws the current actors of the connection, below the words.
func showTree(words string) func(context.Context, *stage) (shown, error) {
	return func(_ context.Context, s *stage) (shown, error) {
		if err := s.nc.Health(); err != nil {
			return shown{}, s.wrong("all should be well: %w", err)
		}
		return shown{over: words, tree: s.nc.Tree().String()}, nil
	}
}
