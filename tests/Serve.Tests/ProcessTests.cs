namespace Nixl.Sdk.Serve.Tests;

/// <summary>Tests that start many processes: one after the other.</summary>
internal static class ProcessTests
{
    internal const string Name = "processes";
}
