//! An answer that one thread gives and a task awaits, whatever runtime the task is on.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use store::StoreError;

/// The side that answers, once. Dropped without an answer, it answers that the writer stopped.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Mutex<State<T>>>);

/// The side that waits.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    answer: Option<Result<T, StoreError>>,
    waker: Option<Waker>,
    answered: bool,
}

pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = Arc::new(Mutex::new(State { answer: None, waker: None, answered: false }));
    (Sender(Arc::clone(&state)), Receiver(state))
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Sender<T> {
    pub(crate) fn send(self, answer: Result<T, StoreError>) {
        self.answer(answer);
    }

    fn answer(&self, answer: Result<T, StoreError>) {
        let mut state = lock(&self.0);
        if state.answered {
            return;
        }
        state.answered = true;
        state.answer = Some(answer);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let cause = "the writer stopped; whether the commit is kept shows after a restart".into();
        self.answer(Err(StoreError::Failed { what: "waiting for a commit".into(), cause }));
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.0);
        match state.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use store::contract::block_on;

    use super::*;

    #[test]
    fn an_answer_arrives_before_or_after_it_is_awaited() {
        let (sender, receiver) = channel();
        sender.send(Ok(1));
        assert_eq!(block_on(receiver).expect("answer"), 1);

        let (sender, receiver) = channel();
        let waiting = thread::spawn(move || block_on(receiver));
        thread::yield_now();
        sender.send(Ok(2));
        assert_eq!(waiting.join().expect("thread").expect("answer"), 2);
    }

    #[test]
    fn nobody_waits_for_a_dropped_sender() {
        let (sender, receiver) = channel::<()>();
        let waiting = thread::spawn(move || block_on(receiver));
        drop(sender);
        assert!(matches!(waiting.join().expect("thread"), Err(StoreError::Failed { .. })));
    }
}
