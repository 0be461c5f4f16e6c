using System.CommandLine;
using Nixl.Sdk.Samples.Speculative;

var root = new RootCommand("Speculative decoding: a small model in one engine guesses, a large one in another verifies; candidates and cache go through Nixl.Sdk.")
{
    DemoCommand.Create(), DraftCommand.Create(),
};
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(20) });
