using Nixl.Sdk.PeerProcess;
using Nixl.Sdk.PeerProcess.Serving;

// A helper of the tests: the other process of a two-process test, or a process in which nothing but the SDK runs.
//   serve NAME TRANSPORT BLOCKS BLOCKBYTES arena|own      obeys commands on stdin, see Server
//   engine NAME TRANSPORT BLOCKS                         obeys commands on stdin, see Engine
//   listener                                              a hand-over beside a meter listener that throws
//   allocations TRANSPORT BLOCKS POSTS token|plain        prints the managed bytes that so many posts allocate
return args switch
{
    ["serve", var name, var transport, var blocks, var blockBytes, var memory] =>
        await Server.RunAsync(name, Enum.Parse<Nixl.Sdk.NixlTransports>(transport), int.Parse(blocks, null), int.Parse(blockBytes, null), memory == "arena"),
    ["engine", var name, var transport, var blocks] =>
        await Engine.RunAsync(name, Enum.Parse<Nixl.Sdk.NixlTransports>(transport), int.Parse(blocks, null)),
    ["listener"] => await ThrowingListener.RunAsync(),
    ["allocations", var transport, var blocks, var posts, var token] =>
        await Allocations.RunAsync(Enum.Parse<Nixl.Sdk.NixlTransports>(transport), int.Parse(blocks, null), int.Parse(posts, null), token == "token"),
    ["notifications", var transport, var count] =>
        await Allocations.RunNotificationsAsync(Enum.Parse<Nixl.Sdk.NixlTransports>(transport), int.Parse(count, null)),
    _ => 64,
};
