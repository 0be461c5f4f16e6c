using System.Globalization;
using System.Text;

namespace Nixl.Sdk.Serve;

/// <summary>What a run of the chaos test has shown.</summary>
/// <param name="Options">What was asked for.</param>
/// <param name="Answers">All requests.</param>
/// <param name="Steps">What went wrong: action to number.</param>
/// <param name="Cuts">Connections that were cut from outside: kind to number.</param>
/// <param name="WhyNoCuts">Why none could be; null if they could.</param>
/// <param name="Failovers">What the router counted, in its last life.</param>
/// <param name="Settled">How long it took until every block was free.</param>
/// <param name="Problems">What must not be; empty: it has passed.</param>
internal sealed record ChaosReport(
    ChaosOptions Options, IReadOnlyCollection<Answer> Answers, IReadOnlyDictionary<ChaosAction, int> Steps,
    IReadOnlyDictionary<CutKind, int> Cuts, string? WhyNoCuts, double Failovers, TimeSpan Settled, IReadOnlyList<string> Problems)
{
    internal bool Passed => Problems.Count == 0;

    public override string ToString()
    {
        var text = new StringBuilder();
        Line($"requests    {Answers.Count}: {string.Join(", ", Answers.GroupBy(answer => answer.Outcome).OrderBy(group => group.Key).Select(group => $"{group.Count()} {group.Key.ToString().ToLowerInvariant()}"))}");
        var reasons = Answers.Where(answer => answer.Outcome is Outcome.Refused or Outcome.Failed).GroupBy(answer => $"{answer.Status} {answer.Code}").OrderBy(group => group.Key, StringComparer.Ordinal);
        Line($"refusals    {string.Join(", ", reasons.Select(group => $"{group.Count()} × {group.Key}"))}");
        Line($"tokens      {Answers.Sum(answer => answer.Tokens.Count)} received, {Answers.Where(answer => answer.Outcome != Outcome.Done).Sum(answer => answer.Tokens.Count)} of them of answers that ended early; all compared");
        Line($"went wrong  {string.Join(", ", Steps.OrderBy(step => step.Key).Select(step => $"{step.Value} × {step.Key}"))}");
        Line($"cut         {(WhyNoCuts is null ? string.Join(", ", Cuts.OrderBy(cut => cut.Key).Select(cut => $"{cut.Value} × {cut.Key.ToString().ToLowerInvariant()}")) : $"nothing from outside: {WhyNoCuts}")}");
        Line($"fail-overs  {Failovers} in the router's last life");
        Line($"settled     every block free {Settled.TotalSeconds:0.0} s after the last engine was back");
        foreach (var problem in Problems) Line($"PROBLEM     {problem}");
        Line($"chaos {(Passed ? "passed" : "FAILED")}: {Options.Duration.TotalSeconds:0} s, seed {Options.Seed}, transport {Options.Transport}");
        return text.ToString();

        void Line(FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));
    }
}
