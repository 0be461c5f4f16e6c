using System.CommandLine;
using Nixl.Sdk.Samples.Weights;

var root = new RootCommand("Weights from a running peer: a new engine reads its shards of a model out of an engine that already has it.")
{
    DemoCommand.Create(), ServeCommand.Create(), LoadCommand.Create(),
};
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
