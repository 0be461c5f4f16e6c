using Nixl.Sdk.Bench;
using Nixl.Sdk.Bench.Processes;

if (args is ["--peer", .. var peer])
    return await PeerProgram.RunAsync(peer);
ChildProcesses.EndWithThisProcess();
return await CommandLine.Create(Console.Out).Parse(args).InvokeAsync();
