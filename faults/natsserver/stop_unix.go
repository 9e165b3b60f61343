//go:build unix && !linux

package natsserver

import "syscall"

// dieWithParent returns nothing: a process learns from the end of its input that its
// parent is gone.
func dieWithParent() *syscall.SysProcAttr { return nil }

// stop stops the process, which takes effect a moment later.
func (c *childProcess) stop() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }

func (c *childProcess) goOn() error { return c.cmd.Process.Signal(syscall.SIGCONT) }
