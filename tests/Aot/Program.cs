using Nixl.Sdk;
using Nixl.Sdk.Aot;

// Every layout over both transports that one machine has, then an agent from a host's configuration.
var random = new Random(20);
long bytes = 0;
foreach (var transport in (NixlTransports[])[NixlTransports.Loopback, NixlTransports.Local])
{
    bytes += await Mover<Split>.MoveAsync(transport, random);
    bytes += await Mover<Models.CrossLayer>.MoveAsync(transport, random);
    bytes += await Mover<Sparse>.MoveAsync(transport, random);
}

await HostedAgent.CheckAsync();
Console.WriteLine($"aot: {bytes} bytes moved, every byte as expected");
