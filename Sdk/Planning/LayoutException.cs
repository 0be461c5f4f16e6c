namespace Nixl.Sdk.Planning;

/// <summary>A layout that cannot be planned. The message lists every problem.</summary>
#if NIXL_GENERATOR
internal
#else
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1032", Justification = "Only the planner raises it, with its problems.")]
public
#endif
sealed class LayoutException : ArgumentException
{
    internal LayoutException(string layout, KvList<LayoutProblem> problems)
        : base("Layout " + layout + " cannot be planned: " + Join(problems))
    {
        Problems = problems;
    }

    /// <summary>What is wrong.</summary>
    public KvList<LayoutProblem> Problems { get; }

    private static string Join(KvList<LayoutProblem> problems)
    {
        var text = "";
        foreach (var problem in problems)
        {
            if (!problem.IsWarning)
                text += (text.Length == 0 ? "" : "; ") + problem.Message;
        }
        return text + ".";
    }
}
