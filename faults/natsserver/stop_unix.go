//go:build unix && !linux

package natsserver

import "syscall"

// dieWithParent returns nothing: a process learns that its parent has gone from the end
// of its input.
func dieWithParent() *syscall.SysProcAttr { return nil }

// stop stops the process. It stands still a moment later.
func (c *childProcess) stop() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }

func (c *childProcess) goOn() error { return c.cmd.Process.Signal(syscall.SIGCONT) }
