using Nixl.Sdk.Bench.Measuring;
using Nixl.Sdk.Serve;

namespace Nixl.Sdk.Bench.Serving;

/// <summary>What clients saw in one round. Times are seconds.</summary>
/// <param name="TokensPerSecond">Tokens of answers, from the first request to the last answer.</param>
/// <param name="RequestsPerSecond">Answers in that time.</param>
/// <param name="FirstToken">From a request to its first token.</param>
/// <param name="InterToken">From one piece of an answer to the next; tokens that came together are one piece.</param>
internal sealed record ServeLatencies(double TokensPerSecond, double RequestsPerSecond, Measurements FirstToken, Measurements InterToken)
{
    internal static ServeLatencies Of(IReadOnlyCollection<Answer> answers)
    {
        var seconds = (answers.Max(answer => answer.Ended) - answers.Min(answer => answer.Started)) / 1000;
        var (first, between) = (new Measurements(), new Measurements());
        foreach (var answer in answers)
        {
            first.Add(answer.TimeToFirstToken / 1000);
            var pieces = answer.TokenTimes.Distinct().ToArray();
            for (var i = 1; i < pieces.Length; i++) between.Add((pieces[i] - pieces[i - 1]) / 1000);
        }
        return new ServeLatencies(answers.Sum(answer => answer.Tokens.Count) / seconds, answers.Count / seconds, first, between);
    }
}
