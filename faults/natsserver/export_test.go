package natsserver

// OnLog replaces Options.Log for the next incarnation.
func (s *Server) OnLog(log func(level, line string)) { s.opts.Log = log }

// Orphan does to the process what the end of its parent does, and returns when it has
// ended.
func (p *Process) Orphan() {
	_ = p.child.stdin.Close()
	<-p.child.exited
}
