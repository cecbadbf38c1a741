// Package fakeapi is a registry that is not there: the image list API of a UCloud-family container registry, served as a real
// [http.Handler] from a [World] that may change at any moment. The demo reads it and the tests are judged against it. It
// imports nothing of this module, so that a field name misspelt in the reader cannot agree with itself here.
//
//	world := fakeapi.NewWorld()
//	world.Fill("web", 257)                                  // img-00000 ... img-00256
//	world.PutImages("base", fakeapi.Image{Name: "nginx", Pulls: 12, Tag: "1.29"})
//	srv, err := fakeapi.NewServer(world, fakeapi.Latency(20*time.Millisecond))
//	defer srv.Close()
//	// read srv.URL with srv.PublicKey and srv.PrivateKey ...
//	world.Pull("web", "img-00003", 5)                       // at any moment, from any goroutine
//	srv.Set(fakeapi.Faults(fakeapi.Rule{Repo: "web", From: 2, Times: 1, Do: faults.HTTPStatus(503)}))
//	got := world.Images("web")                              // the truth to compare with
//	log := srv.Log()                                        // every request: action, repo, offset, limit, answer
//
// # What it answers
//
// GetRepoImage, GetRepo (Type private or public, by default public) and GetProjectList (never paged), asked by POST form,
// POST JSON or GET. A call is checked in this order, the first fault is the answer: 160 Action missing, 161 unknown, 170
// Signature missing, 172 PublicKey unknown, 171 Signature wrong, 174 SecurityToken or a required header wrong, 299 project
// missing or not permitted, 292 project unknown, 220 parameter missing, 230 parameter unusable. Refusals are HTTP 200 with
// RetCode and Message and without Action. The request's number is in the header X-UCLOUD-REQUEST-UUID.
//
// # What can be made to go wrong
//
// Every [Option] works in [New] and [NewServer] and, later and race-free, in [API.Set]; one given again replaces its value.
//
//   - [Wire]: how answers are written (types of times, counts, totals and codes, key case, BOM, missing fields ...). One for
//     the whole API by [WithWire], one for a repo by [Repo].Wire. A single odd row is an [Image] with Row set.
//   - [Paging]: how lists are cut (clamped or refused Limit, ignored Offset, repeated, short and overlong pages), by
//     [WithPaging] or [Repo].Paging.
//   - [Fault]: what happens to one answer, chosen by [Faults] with a [Rule] each or by a function in [FaultFunc]. Package
//     faults has them (status, RetCode, reset, cut, HTML, hang, gzip bomb ...); the program does not link it.
//   - [Before]: a hook between requests that may change the world; [Drift] is a ready one.
//   - [Latency], [WithThrottle], [RequireHeader], [StrictParams].
package fakeapi
