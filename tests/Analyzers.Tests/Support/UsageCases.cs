namespace Nixl.Sdk.Analyzers.Tests.Support;

/// <summary>One case for each diagnostic of code that uses the SDK. <see cref="Method"/> puts statements into a method.</summary>
internal static class UsageCases
{
    public static readonly Case[] All =
    [
        new("NIXL101", Method("transfer.PostAsync([1], [2]);"), "transfer.PostAsync([1], [2])", Method("await transfer.PostAsync([1], [2]);")),
        new("NIXL102", Method("var list = agent.PrepareLocal(regions);"), "list", Method("using var list = agent.PrepareLocal(regions);")),
        new("NIXL103", Method("while (transfer.State == TransferState.Running) Thread.Yield();"), "transfer.State", Method("await transfer.Quiesced;")),
    ];

    /// <summary>An async method with an agent, a transfer, some regions and a token.</summary>
    public static string Method(string statements) => $$"""
        public static class User
        {
            public static async Task Run(NixlAgent agent, RemoteAgent peer, Transfer transfer, StridedRegion[] regions, CancellationToken token)
            {
                {{statements}}
                await Task.Yield();
            }
        }
        """;
}
