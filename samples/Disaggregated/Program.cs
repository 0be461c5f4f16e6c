using System.CommandLine;
using Nixl.Sdk.Samples.Disaggregated;

var root = new RootCommand("Disaggregated inference: prefill engines and decode engines, the KV cache moved between them by Nixl.Sdk.")
{
    DemoCommand.Create(), EngineCommand.Create(EngineRole.Prefill), EngineCommand.Create(EngineRole.Decode), MonolithicCommand.Create(),
    ServingEngineCommand.Create(), RouterCommand.Create(), ServeCommand.Create(),
};
// Ctrl-C and SIGTERM cancel the action, which stops its engines (each at most 8 s) before it returns.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(25) });
