namespace Nixl.Sdk.Cookbook.Tests.Support;

/// <summary>Names of agents, unique among tests that run side by side.</summary>
internal static class AgentNames
{
    private static int _counter;

    public static string Next(string role) => $"{role}-{Environment.ProcessId}-{Interlocked.Increment(ref _counter)}";
}
