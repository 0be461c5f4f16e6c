namespace Nixl.Sdk.Hosting;

/// <summary>A configuration in vLLM's shape that cannot be used. The message lists everything that is wrong, where it stands and what is allowed.</summary>
/// <param name="problems">At least one.</param>
public sealed class KvTransferConfigException(IReadOnlyList<string> problems)
    : Exception($"The KV transfer configuration has {problems.Count} {(problems.Count == 1 ? "problem" : "problems")}:{string.Concat(problems.Select(static problem => $"\n- {problem}"))}")
{
    /// <summary>Everything that is wrong.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
