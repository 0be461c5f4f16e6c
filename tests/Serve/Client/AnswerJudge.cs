namespace Nixl.Sdk.Serve;

/// <summary>Holds what clients got against what one engine alone answers.</summary>
internal static class AnswerJudge
{
    /// <summary>
    /// What is wrong with an answer, or null. One that is complete has to be the whole answer; of one that ended early every token and every character
    /// that came has to be right.
    /// </summary>
    internal static string? WhatIsWrong(Answer answer, MonolithicReference reference)
    {
        if (answer.Outcome == Outcome.Hung) return $"{answer}: it hung past its deadline";
        if (answer.Code == "malformed") return answer.ToString();
        if (answer.Tokens.Count == 0 && answer.Text.Length == 0 && answer.Outcome != Outcome.Done) return null;
        var expected = reference.TokensOf(answer.Prompt);
        var same = expected.AsSpan().CommonPrefixLength(answer.Tokens.ToArray());
        if (same < answer.Tokens.Count)
            return $"{answer}: token {same} is {answer.Tokens[same]}, and {(same < expected.Length ? $"the monolithic engine's is {expected[same]}" : $"the answer has {expected.Length}")}";
        var text = reference.TextOf(answer.Prompt);
        if (answer.Outcome != Outcome.Done)
            return text.StartsWith(answer.Text, StringComparison.Ordinal) ? null : $"{answer}: its text '{answer.Text}' is not the beginning of '{text}'";
        if (answer.Tokens.Count != expected.Length) return $"{answer}: it has {answer.Tokens.Count} tokens, the monolithic engine's {expected.Length}";
        if (answer.Text != text) return $"{answer}: its text is '{answer.Text}', and the monolithic engine's '{text}'";
        var finish = reference.FinishOf(answer.Prompt);
        return answer.Finish == finish ? null : $"{answer}: it ended because of {answer.Finish}, the monolithic engine's because of {finish}";
    }

    /// <summary>
    /// Whether so few were answered that the others prove nothing. Not a share of the requests: who is refused asks again ten times a second, so
    /// that some seconds without a decode engine outweigh all answers (103 of 325 in a good short run). Null: enough.
    /// </summary>
    /// <param name="answers">Of the time in which things went wrong.</param>
    /// <param name="duration">How long they did.</param>
    internal static string? TooFew(IReadOnlyCollection<Answer> answers, TimeSpan duration)
    {
        var (done, least) = (answers.Count(answer => answer.Outcome == Outcome.Done), Math.Max(1, duration.TotalSeconds / 2));
        return done >= least ? null : $"only {done} of {answers.Count} requests were answered in {duration.TotalSeconds:0} s in which things went wrong; at least {least:0} have to be";
    }

    /// <summary>What is wrong with any of them; every prompt is computed once, on all processors.</summary>
    internal static IReadOnlyList<string> Judge(IReadOnlyCollection<Answer> answers, MonolithicReference reference)
    {
        var wrong = new string?[answers.Count];
        Parallel.ForEach(answers.Select((answer, index) => (answer, index)), item => wrong[item.index] = WhatIsWrong(item.answer, reference));
        return [.. wrong.OfType<string>()];
    }
}
