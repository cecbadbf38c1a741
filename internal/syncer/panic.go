package syncer

import (
	"fmt"
	"runtime/debug"
)

// calmly does something and makes an error of a panic. A panic in a goroutine would end the process, whatever else it is doing:
// the other repos of the run, and of a daemon all later runs. The panic of reading a repo is that repo's failure; any other
// ends the run.
func (r *Runner) calmly(doing string, do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			r.opt.Logger.Error("panic", "doing", doing, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = fmt.Errorf("%s: panic: %v", doing, cause)
		}
	}()
	return do()
}
