using System.CommandLine;
using Nixl.Sdk;

// What an agent would use on this machine, and why: transports, providers, rails, limits, devices.
var host = new Option<string?>("--host") { Description = "Address to listen on and to advertise. [127.0.0.1]" };
var provider = new Option<string?>("--provider") { Description = "Provider to ask libfabric for, for example efa or verbs;ofi_rxm. [the first that works]" };
var library = new Option<string?>("--library") { Description = "Path of libfabric. [a vendor's, else the system's]" };
var rails = new Option<string?>("--rails") { Description = "Devices to use at once: auto, near:0000:53:00.0 (a GPU's PCI address), near:node1, or addresses and names with commas. [one]" };
var json = new Option<bool>("--json") { Description = "JSON instead of text." };
var command = new RootCommand("Prints what an agent can use on this machine, and why.") { host, provider, library, rails, json };
command.SetAction(async (parse, cancellation) =>
{
    var options = new NixlAgentOptions { Name = "info", FabricProvider = parse.GetValue(provider), FabricLibrary = parse.GetValue(library), FabricRails = parse.GetValue(rails) };
    if (parse.GetValue(host) is { } address) options.ListenHost = address;
    await using var agent = await NixlAgent.CreateAsync(options, cancellation);
    Console.WriteLine(parse.GetValue(json) ? agent.Describe() : agent.GetInfo().ToString());
});
return await command.Parse(args).InvokeAsync();
