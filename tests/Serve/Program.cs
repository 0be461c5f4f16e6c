using System.CommandLine;
using Nixl.Sdk.Serve;

ProcessStarter.EndWithSignals();
return await new RootCommand("Engines and router as processes, under load.") { ChaosCommand.Create() }.Parse(args).InvokeAsync();
